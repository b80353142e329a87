-- List the disputes that last reached one of some statuses, with the customer, the latest first.
select d.dispute_id, d.status, d.status_since, d.dispute_stage, d.amount, d.currency,
    coalesce(d.customer_id, p.customer_id) as customer_id, k.email, k.name
from (
    select dispute_id, status, status_since, dispute_stage, amount, currency, customer_id, payment_id
    from {disputes}
    where book = %(book)s and status = any(%(statuses)s)
    order by status_since desc, dispute_id desc
    limit %(limit)s
) d
left join {payments} p on p.book = %(book)s and p.payment_id = d.payment_id
left join {customers} k
    on k.book = %(book)s and k.customer_id = coalesce(d.customer_id, p.customer_id)
order by d.status_since desc, d.dispute_id desc
