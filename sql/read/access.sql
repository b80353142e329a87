-- What decides on a customer's access: subscriptions, grants, and payments for a time not yet over.
select c.position as checkpoint, r.category, r.memo, k.stream is not null as stale
from read.checkpoint c
left join lateral (
    select 'subscription' as category, subscription_id as id, memo
    from {subscriptions}
    where book = c.book and customer_id = %(customer_id)s
    union all
    select 'entitlement_grant', entitlement_grant_id, memo
    from {entitlement_grants}
    where book = c.book and customer_id = %(customer_id)s
    union all
    select 'payment', payment_id, memo
    from {payments}
    where book = c.book and customer_id = %(customer_id)s and paid_until > %(at)s
) r on true
left join read.parked k
    on k.book = c.book and k.build = 'live' and k.stream = r.category || '-' || r.id
where c.book = %(book)s and c.version = %(version)s
