-- Customers of one address, in the order of the list.
create index {index} on {table} (book, email, created_at, customer_id)
