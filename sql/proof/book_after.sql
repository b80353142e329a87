-- Get the first book after another one, in the order of their names, that has events.
select book from store.event where book > %(book)s order by book limit 1
