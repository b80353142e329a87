-- Rows of one customer, in the order of the list.
create index {index} on {table} (book, customer_id, created_at, dispute_id)
