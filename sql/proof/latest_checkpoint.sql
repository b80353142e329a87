-- Get the last checkpoint of the current origin of a book.
select c.note, c.size
from store.checkpoint c
where c.book = %(book)s
    and c.origin = (select max(number) from store.origin where book = %(book)s)
order by c.size desc
limit 1
