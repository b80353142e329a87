-- The payments of a subscription, also those that pay for several.
create index on {table} using gin (subscription_ids)
