-- Get the exact bytes of an event.
select body from store.event where book = %(book)s and position = %(position)s
