-- Rows of one entitlement, in the order of the list.
create index {index} on {table} (book, entitlement_id, created_at, entitlement_grant_id)
