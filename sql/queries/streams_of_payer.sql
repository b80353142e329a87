-- Find refunds and disputes that name no customer, by the payments of a customer.
select 'refund-' || r.refund_id as stream
from {payments} p
join {refunds} r on r.book = p.book and r.payment_id = p.payment_id
where p.book = %(book)s and p.customer_id = %(customer_id)s and r.customer_id is null
union all
select 'dispute-' || d.dispute_id
from {payments} p
join {disputes} d on d.book = p.book and d.payment_id = p.payment_id
where p.book = %(book)s and p.customer_id = %(customer_id)s and d.customer_id is null
