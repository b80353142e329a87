-- Get the checkpoints of a book that its history must agree with, of every origin.
select o.name as origin, c.size, c.root
from store.checkpoint c
join store.origin o on o.book = c.book and o.number = c.origin
where c.book = %(book)s
    and c.size <= coalesce((
        select n.parted_at
        from store.origin n
        where n.book = %(book)s and n.number > c.origin
        order by n.number
        limit 1
    ), c.size)
order by c.size
