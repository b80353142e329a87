-- Get the checkpoints of the current origin of a book that an anchor lacks, the latest first.
select c.origin, o.name, c.size, c.root, c.note
from store.checkpoint c
join store.origin o on o.book = c.book and o.number = c.origin
where c.book = %(book)s
    and c.origin = (select max(number) from store.origin where book = %(book)s)
    and c.size > coalesce((
        select max(a.size)
        from store.anchored a
        where a.book = %(book)s and a.origin = c.origin and a.anchor = %(anchor)s
    ), 0)
order by c.size desc
limit %(limit)s
