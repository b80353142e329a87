-- List the checkpoints that hold for the history of a book, the first one first.
select c.origin as number, c.size,
    exists (
        select 1
        from store.anchored a
        where a.book = %(book)s and a.origin = c.origin and a.size = c.size
            and a.receipt is not null
    ) as stamped
from store.checkpoint c
where c.book = %(book)s
    and c.size <= coalesce((
        select n.parted_at
        from store.origin n
        where n.book = %(book)s and n.number > c.origin
        order by n.number
        limit 1
    ), c.size)
order by c.origin, c.size
