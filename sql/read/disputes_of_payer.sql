-- The disputes that name no customer themselves, of payments that a customer made.
select d.dispute_id
from {disputes} d
join {payments} p on p.book = d.book and p.payment_id = d.payment_id
where d.book = %(book)s and d.customer_id is null and p.customer_id = %(customer_id)s
