-- Rows of one currency, in the order of the list.
create index {index} on {table} (book, currency, created_at, payment_id)
