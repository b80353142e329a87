-- List the latest payments of a subscription, and those that reach furthest with what was given back.
with paid as materialized (
    select payment_id as id, status, paid_until, created_at, memo
    from {payments}
    where book = %(book)s and subscription_ids @> array[%(subscription_id)s]
),
latest as (
    select * from paid order by created_at desc, id desc limit %(limit)s
),
-- as many as decide access
furthest as materialized (
    select * from paid where status = 'succeeded'
    order by coalesce(paid_until, created_at) desc, id
    limit 1000
)
select category, id, memo
from (
    select 'latest' as category, id, created_at, memo from latest
    union all
    select 'payment', id, created_at, memo from furthest
    union all
    select 'refund', refund_id, created_at, memo
    from {refunds}
    where book = %(book)s and payment_id = any(array(select id from furthest))
    union all
    select 'dispute', dispute_id, created_at, memo
    from {disputes}
    where book = %(book)s and payment_id = any(array(select id from furthest))
) r
order by created_at, id
