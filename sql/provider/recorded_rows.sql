-- Page through the rows of a list that a book recorded, oldest record first.
select position, substr(webhook_id, length(%(prefix)s) + 1) as id, body
from store.event
where book = %(book)s and position > %(after)s and position <= %(until)s
    and source = 'api' and starts_with(webhook_id, %(prefix)s)
order by position
limit %(limit)s
