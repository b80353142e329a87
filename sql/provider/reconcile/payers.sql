-- Count the customers who have a subscription in one of some statuses.
select count(distinct customer_id) as count
from {subscriptions}
where book = %(book)s and status = any(%(statuses)s)
