-- Events of one customer, by the time when they happened.
create index {index} on {table} (store.key(book, customer_id), occurred_at, position)
where customer_id is not null
