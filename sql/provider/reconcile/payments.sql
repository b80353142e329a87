-- List the customers of some payments, and the subscriptions that they are for.
select payment_id as id, customer_id, subscription_ids
from {payments}
where book = %(book)s and payment_id = any(%(ids)s)
