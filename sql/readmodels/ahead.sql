-- Measure how far the time of a book's latest event is ahead of the clock.
select extract(epoch from recorded_at - clock_timestamp())::float8 as seconds
from store.head
where book = %(book)s and position > 0
