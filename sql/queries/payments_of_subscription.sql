-- List the payments of a subscription in order, with the refunds and disputes of each.
with paid as materialized (
    select payment_id, created_at, memo
    from {payments}
    where book = %(book)s and subscription_ids @> array[%(subscription_id)s]
)
select category, memo
from (
    select 'payment' as category, payment_id as id, created_at, memo from paid
    union all
    select 'refund', refund_id, created_at, memo
    from {refunds}
    where book = %(book)s and payment_id = any(array(select payment_id from paid))
    union all
    select 'dispute', dispute_id, created_at, memo
    from {disputes}
    where book = %(book)s and payment_id = any(array(select payment_id from paid))
) r
order by created_at, id
