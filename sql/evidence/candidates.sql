-- List the events of a customer and those of some streams, up to a position.
with found as (
    select position, stream
    from {events}
    where store.key(book, customer_id) = store.key(%(book)s, %(customer_id)s::text)
        and book = %(book)s and customer_id = %(customer_id)s::text
    union
    select position, stream
    from {events}
    where store.key(book, stream) = any(
        array(select store.key(%(book)s, s.stream) from unnest(%(streams)s::text[]) as s (stream))
    )
    and book = %(book)s and stream = any(%(streams)s)
)
select f.position, f.stream, length(e.body) as size
from found f
join store.event e on e.book = %(book)s and e.position = f.position
where f.position <= %(until)s
    and (%(categories)s::text[] is null or split_part(f.stream, '-', 1) = any(%(categories)s))
order by f.position
limit %(limit)s
