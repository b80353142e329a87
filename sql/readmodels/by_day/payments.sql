-- The payments that count: those that succeeded, without checks of a payment method.
select r.payment_id as id, null::text as payment_id, r.customer_id, r.created_at, r.status_since, r.currency,
    ''::text as kind, r.status as what, r.total_amount as amount, null::bigint as fee, r.product_ids,
    r.subscription_ids, r.position
from {rows} r
where r.status = 'succeeded' and not r.is_update_payment_method
