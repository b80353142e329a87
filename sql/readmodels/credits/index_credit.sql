-- Rows of one credit, in the order of the list.
create index {index} on {table} (book, credit_entitlement_id, created_at, credit_id)
