-- Get the changes after a position, the checkpoint of the read models, and the head of the book.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    h.position as head, substr(h.link, 1, 4) as head_link,
    (select substr(e.link, 1, 4) from store.event e
        where e.book = %(book)s and e.position = %(after)s) as after_link,
    (select substr(e.link, 1, 4) from store.event e
        where e.book = %(book)s and e.position = %(until)s) as until_link,
    c.position = 0 or coalesce(c.link = case
        when c.position = h.position then h.link
        else (select e.link from store.event e where e.book = %(book)s and e.position = c.position)
    end, false) as known,
    r.*
from read.checkpoint c
join store.head h on h.book = c.book
left join lateral (
    select p.*, substr(e.link, 1, 4) as link
    from (
        select i.position, i.stream, i.customer_id, i.type, i.occurred_at, i.verdict,
            i.status_from, i.status_to, i.late
        from {view} i
        where i.book = %(book)s and i.position > %(after)s
            and i.position <= least(%(until)s, c.position) and i.stream is not null
            and (%(kinds)s::text[] is null or split_part(i.stream, '-', 1) = any(%(kinds)s))
        order by i.position
        limit %(limit)s
    ) p
    join store.event e on e.book = %(book)s and e.position = p.position
    order by p.position
) r on true
where c.book = %(book)s and c.version = %(version)s
order by r.position
