-- List the customers of some subscriptions.
select subscription_id as id, customer_id
from {subscriptions}
where book = %(book)s and subscription_id = any(%(ids)s) and customer_id is not null
