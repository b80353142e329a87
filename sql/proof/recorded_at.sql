-- Get when the event at a position was recorded.
select recorded_at from store.event where book = %(book)s and position = %(position)s
