-- Lock the end of a book; the clock that is read here never goes back within a book.
select position, link, greatest(clock_timestamp(), recorded_at) as recorded_at
from store.head
where book = %(book)s
for update
