-- Get the customers who made some payments, with name and address.
select p.payment_id, p.customer_id, k.email, k.name
from {payments} p
left join lateral (
    select c.email, c.name
    from {customers} c
    where c.book = %(book)s and c.customer_id = p.customer_id
    limit 1
) k on true
where p.book = %(book)s and p.payment_id = any(%(ids)s) and p.customer_id is not null
