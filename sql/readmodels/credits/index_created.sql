-- Rows in the order of the list, newest first.
create index {index} on {table} (book, created_at, credit_id)
