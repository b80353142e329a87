-- Find the streams of some customers, and whether the book had heard of each at a past moment.
select w.customer_id, r.stream, heard.position is not null as known
from unnest(%(customer_ids)s::text[]) w (customer_id)
-- the earliest event decides: times in a book never decrease
left join lateral (
    select min(e.position) as position
    from {view} e
    where store.key(e.book, e.customer_id) = store.key(%(book)s, w.customer_id)
        and e.book = %(book)s and e.customer_id = w.customer_id
        and (%(as_of)s::timestamptz is null or e.occurred_at <= %(as_of)s)
) first on true
left join lateral (
    select s.position
    from store.event s
    where s.book = %(book)s and s.position = first.position
        and (%(until)s::bigint is null or s.position <= %(until)s)
        and (%(known_at)s::timestamptz is null or s.recorded_at <= %(known_at)s)
) heard on true
left join lateral (
    select distinct e.stream
    from {view} e
    where store.key(e.book, e.customer_id) = store.key(%(book)s, w.customer_id)
        and e.book = %(book)s and e.customer_id = w.customer_id
        and split_part(e.stream, '-', 1) = any(%(categories)s)
) r on true
