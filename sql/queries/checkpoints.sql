-- How far the read models of a version have come, and the end of each book.
select h.book, c.position, h.position as head, coalesce(c.lost, false) as lost
from store.head h
left join read.checkpoint c on c.book = h.book and c.version = %(version)s
order by h.book
