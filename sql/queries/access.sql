-- Get everything that decides a customer's access: subscriptions, grants, licence keys, payments.
-- access_of_customers.sql is the same for several: a change of one belongs in both.
with mine as materialized (
    select subscription_id as id, memo
    from {subscriptions}
    where book = %(book)s and customer_id = %(customer_id)s
),
-- payers of one of the subscriptions, and other payments of the customer
paying as materialized (
    select payment_id as id, status, paid_until, created_at, subscription_ids, memo
    from {payments}
    where book = %(book)s and customer_id = %(customer_id)s
    union all
    select payment_id, status, paid_until, created_at, subscription_ids, memo
    from {payments}
    where book = %(book)s and subscription_ids && array(select id from mine)
        and customer_id is distinct from %(customer_id)s
),
-- the payments that reach furthest; a few failed ones, which only show that some failed; and a few
-- others, which may be read in two ways
paid as materialized (
    (
        select id, memo, subscription_ids from paying where status = 'succeeded'
        order by coalesce(paid_until, created_at) desc, id
        limit 1000
    )
    union all
    (
        select id, memo, subscription_ids from paying where status = 'failed'
        order by created_at desc, id
        limit 20
    )
    union all
    (
        select id, memo, subscription_ids from paying where status not in ('succeeded', 'failed')
        order by created_at desc, id
        limit 20
    )
)
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    c.recorded_at, r.category, r.id, r.memo, k.stream is not null as stale,
    -- only those who have nothing here are looked up
    r.category is not null or exists (
        select from {customers} where book = %(book)s and customer_id = %(customer_id)s
    ) as known
from read.checkpoint c
left join lateral (
    select 'subscription' as category, id, memo from mine
    union all
    select 'payment', id, memo from paid
    union all
    select 'entitlement_grant', entitlement_grant_id, memo
    from {entitlement_grants}
    where book = %(book)s and customer_id = %(customer_id)s
    union all
    select 'license_key', license_key_id, memo
    from {license_keys}
    where book = %(book)s and customer_id = %(customer_id)s
    union all
    select 'refund', refund_id, memo
    from {refunds}
    where book = %(book)s and payment_id = any(array(select id from paid))
    union all
    select 'dispute', dispute_id, memo
    from {disputes}
    where book = %(book)s and payment_id = any(array(select id from paid))
    union all
    -- other subscriptions that the payments name: of nobody, as far as is told, or of others
    select case when s.customer_id is null then 'subscription' else 'elsewhere' end,
        s.subscription_id, case when s.customer_id is null then s.memo end
    from {subscriptions} s
    where s.book = %(book)s
        and s.subscription_id = any(array(select unnest(subscription_ids) from paid))
        and s.customer_id is distinct from %(customer_id)s
) r on true
left join read.parked k
    on k.book = c.book and k.build = 'live' and k.stream = r.category || '-' || r.id
where c.book = %(book)s and c.version = %(version)s
