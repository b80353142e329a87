-- Get the refund status of each payment with succeeded refunds.
select p.payment_id,
    case when sum(coalesce(r.amount, case when not r.is_partial then p.total_amount end))
        >= p.total_amount then 'full' else 'partial' end as refund_status
from {payments} p
join {refunds} r on r.book = p.book and r.payment_id = p.payment_id
where p.book = %(book)s and p.payment_id = any(%(ids)s) and r.status = 'succeeded'
    and (r.amount > 0 or r.amount is null)
    and (r.currency = p.currency) is not false
group by p.book, p.payment_id, p.total_amount
