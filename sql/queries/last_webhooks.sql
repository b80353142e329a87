-- Get the time of the last webhook of each book.
select h.book, w.recorded_at
from store.head h
cross join lateral (
    select e.recorded_at
    from store.event e
    where e.book = h.book and e.source = 'webhook'
    order by e.position desc
    limit 1
) w
