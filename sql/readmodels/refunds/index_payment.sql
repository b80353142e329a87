-- All of one payment's.
create index {index} on {table} (book, payment_id)
