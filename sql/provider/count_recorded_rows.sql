-- Count the resources of which a book recorded rows of a list, between two positions.
select count(distinct webhook_id) as count
from store.event
where book = %(book)s and position > %(after)s and position <= %(until)s
    and source = 'api' and starts_with(webhook_id, %(prefix)s)
