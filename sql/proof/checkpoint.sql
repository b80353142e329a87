-- Get the first checkpoint of the current origin of a book that covers a size.
select o.name as origin, c.size, c.root, c.note
from store.checkpoint c
join store.origin o on o.book = c.book and o.number = c.origin
where c.book = %(book)s
    and c.origin = (select max(number) from store.origin where book = %(book)s)
    and c.size >= %(size)s
order by c.size
limit 1
