-- The events that concern one customer, in the order of the world.
create index {index} on {table} (store.key(book, customer_id), occurred_at, position)
where customer_id is not null
