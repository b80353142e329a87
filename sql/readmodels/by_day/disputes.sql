-- The disputes that count: all, by how they ended.
select r.dispute_id as id, r.payment_id, r.customer_id, r.created_at, r.status_since, r.currency,
    r.status as kind, r.status as what, r.amount, null::bigint as fee, r.position
from {rows} r
