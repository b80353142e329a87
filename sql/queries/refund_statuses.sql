-- Get the refund status of each payment with succeeded refunds.
-- Amounts of two currencies are not compared; a refund that is not partial is then one of all.
select p.payment_id,
    case when sum(
        case
            when (r.currency = p.currency) is not false and r.amount is not null then r.amount
            when not r.is_partial then p.total_amount
        end
    ) >= p.total_amount then 'full' else 'partial' end as refund_status
from {payments} p
join {refunds} r on r.book = p.book and r.payment_id = p.payment_id
where p.book = %(book)s and p.payment_id = any(%(ids)s) and r.status = 'succeeded'
    and (r.amount > 0 or r.amount is null)
    and ((r.currency = p.currency) is not false or r.is_partial is not null)
group by p.book, p.payment_id, p.total_amount
