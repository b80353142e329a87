-- What a customer has paid for, and until when.
create index {index} on {table} (book, customer_id, paid_until) where paid_until is not null
