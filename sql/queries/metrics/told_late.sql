-- List subscriptions that were told after a position of what had happened before it.
select e.stream
from {events} e
where e.book = %(book)s and e.position > %(known)s and e.occurred_at <= %(moment)s
    and starts_with(e.stream, 'subscription-')
union
-- under a webhook-id that was known, whenever it says that it happened
select e.stream
from {events} e
where e.book = %(book)s and e.position > %(known)s and e.revision
    and starts_with(e.stream, 'subscription-')
limit %(most)s
