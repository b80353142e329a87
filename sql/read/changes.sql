-- What changed in a stretch of positions, how far the read models have come, and where the book ends.
select c.position as checkpoint, h.position as head, r.*
from read.checkpoint c
join store.head h on h.book = c.book
left join lateral (
    select i.position, i.stream, i.customer_id, i.type, i.occurred_at, i.verdict, i.status_from,
        i.status_to, i.late
    from {view} i
    where i.book = c.book and i.position > %(after)s
        and i.position <= least(%(until)s, c.position) and i.stream is not null
        and (%(kinds)s::text[] is null or split_part(i.stream, '-', 1) = any(%(kinds)s))
    order by i.position
    limit %(limit)s
) r on true
where c.book = %(book)s and c.version = %(version)s
order by r.position
