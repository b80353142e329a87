-- Whether a book has events that the read models have not seen, and the business that it names.
select h.business_id, h.position > c.position as behind
from store.head h
join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s
