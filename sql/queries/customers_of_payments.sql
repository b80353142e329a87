-- Get the customers who made some payments, with name and address.
select p.payment_id, p.customer_id, k.email, k.name
from {payments} p
left join {customers} k on k.book = p.book and k.customer_id = p.customer_id
where p.book = %(book)s and p.payment_id = any(%(ids)s) and p.customer_id is not null
