-- How far each projection has come, and the end of its book.
select h.book, c.name, c.version, c.position, h.position as head
from store.head h
left join read.checkpoint c on c.book = h.book
order by h.book, c.name
