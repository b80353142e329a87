-- The payments of a subscription, also those that pay for several.
create index {index} on {table} using gin (subscription_ids)
