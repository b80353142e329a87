-- The order of the list, newest first.
create index on {table} (book, created_at, entitlement_grant_id)
