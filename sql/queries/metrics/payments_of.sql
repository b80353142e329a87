-- List the payments of refunds or disputes.
select p.product_ids, p.subscription_ids
from ({counted}) c
join {payments} p on p.book = %(book)s and p.payment_id = c.payment_id
