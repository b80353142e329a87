-- Get the customers whose payments were refunded or disputed.
select 'refund-' || r.refund_id as stream, p.customer_id
from {refunds} r
join {payments} p on p.book = r.book and p.payment_id = r.payment_id
where r.book = %(book)s and r.refund_id = any(%(refund_ids)s) and p.customer_id is not null
union all
select 'dispute-' || d.dispute_id, p.customer_id
from {disputes} d
join {payments} p on p.book = d.book and p.payment_id = d.payment_id
where d.book = %(book)s and d.dispute_id = any(%(dispute_ids)s) and p.customer_id is not null
