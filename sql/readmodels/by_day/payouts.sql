-- The payouts that count: those that arrived; they have no customer.
select r.payout_id as id, null::text as payment_id, null::text as customer_id, r.created_at,
    r.status_since, r.currency, ''::text as kind, r.status as what, r.amount, r.fee, r.position
from {rows} r
where r.status = 'success'
