-- Get the last checkpoint of a book: of its current origin, or of the one before it.
select note
from store.checkpoint
where book = %(book)s
order by origin desc, size desc
limit 1
