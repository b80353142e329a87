-- Rows of one reason, in the order of the list.
create index {index} on {table} (book, abandonment_reason, created_at, payment_id)
