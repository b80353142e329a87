-- Rows of one subscription, in the order of the list.
create index {index} on {table} (book, subscription_id, created_at, entitlement_grant_id)
