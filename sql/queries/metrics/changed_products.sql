-- List the subscriptions that payments were for and whose product may have been another one.
select distinct e.stream
from ({paid}) p
cross join unnest(p.subscription_ids) s (id)
join {events} e
    on e.book = %(book)s and e.stream = 'subscription-' || s.id
        and store.key(e.book, e.stream) = store.key(%(book)s, 'subscription-' || s.id)
where p.product_ids = '{{}}' and e.retold and e.position <= %(known)s
limit %(most)s
