-- List the disputes of one status that were opened first, with the customer.
select d.dispute_id, d.amount, d.currency, d.opened_at,
    coalesce(d.customer_id, p.customer_id) as customer_id, k.email, k.name
from (
    select dispute_id, amount, currency, coalesce(opened_at, created_at) as opened_at, customer_id,
        payment_id
    from {disputes}
    where book = %(book)s and status = %(status)s
    order by coalesce(opened_at, created_at), dispute_id
    limit %(limit)s
) d
left join {payments} p on p.book = %(book)s and p.payment_id = d.payment_id
left join {customers} k
    on k.book = %(book)s and k.customer_id = coalesce(d.customer_id, p.customer_id)
order by d.opened_at, d.dispute_id
