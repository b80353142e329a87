-- List the events that share the webhook-id of one, in the order in which they were recorded.
select o.position, o.recorded_at, o.revision, o.body
from store.event e
join store.event o on o.book = e.book and o.webhook_id = e.webhook_id
    and left(o.webhook_id, 100) = left(e.webhook_id, 100)
where e.book = %(book)s and e.position = %(position)s and e.source = 'webhook'
order by o.position
limit %(limit)s
