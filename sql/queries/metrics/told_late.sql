-- List subscriptions that were told after a position of what had happened before it.
select distinct e.stream
from {events} e
where e.book = %(book)s and {begun} and e.position = any(array(
    -- by the index alone, however much was told since
    select l.position
    from {events} l
    where l.book = %(book)s and l.position > %(known)s and l.occurred_at <= %(moment)s
        and starts_with(l.stream, 'subscription-')
    union all
    -- under a webhook-id that was known, whenever it says that it happened
    select r.position
    from {events} r
    where r.book = %(book)s and r.position > %(known)s and r.revision
        and starts_with(r.stream, 'subscription-')
))
limit %(most)s
