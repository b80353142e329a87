-- Get the products of some subscriptions.
select subscription_id, product_id, status from {subscriptions}
where book = %(book)s and subscription_id = any(%(ids)s)
