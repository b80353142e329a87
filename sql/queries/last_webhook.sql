-- Get the time of the last webhook of a book.
select recorded_at
from store.event
where book = %(book)s and source = 'webhook'
order by position desc
limit 1
