-- Rows of one integration, in the order of the list.
create index {index} on {table} (book, integration_type, created_at, entitlement_grant_id)
