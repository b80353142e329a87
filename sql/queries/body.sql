-- The exact bytes of one event.
select body from store.event where book = %(book)s and position = %(position)s
