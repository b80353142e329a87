-- List subscriptions that were told after a position of what had happened before it.
select distinct e.stream
from {events} e
where e.book = %(book)s and e.position > %(known)s and e.occurred_at <= %(moment)s
    and e.stream >= 'subscription-' and e.stream < 'subscription.'
limit %(most)s
