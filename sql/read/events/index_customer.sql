-- The events that concern one customer.
create index on {table} (book, customer_id, position) where customer_id is not null
