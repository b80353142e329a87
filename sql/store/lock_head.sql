-- Lock the head of a book; the time never decreases within a book.
select position, link, greatest(clock_timestamp(), recorded_at) as recorded_at
from store.head
where book = %(book)s
for update
