-- Payments of a subscription, including payments for several subscriptions.
create index {index} on {table} using gin (subscription_ids)
