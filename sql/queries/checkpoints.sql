-- Get the checkpoint of a version of the read models, and the head, of each book.
select h.book, c.position, h.position as head, coalesce(c.lost, false) as lost
from store.head h
left join read.checkpoint c on c.book = h.book and c.version = %(version)s
order by h.book
