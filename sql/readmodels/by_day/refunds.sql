-- The refunds that count: those that succeeded.
select r.refund_id as id, r.payment_id, r.customer_id, r.created_at, r.status_since, r.currency,
    case when r.is_partial then 'partial' else 'full' end as kind, r.status as what, r.amount,
    null::bigint as fee, r.position
from {rows} r
where r.status = 'succeeded'
