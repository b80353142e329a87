-- List who has paid for some subscriptions.
select distinct s.id, p.customer_id
from unnest(%(ids)s::text[]) as s (id)
join {payments} p
    on p.book = %(book)s and p.subscription_ids && array[s.id]
        and p.customer_id is not null
