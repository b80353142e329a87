-- All of one payment's.
create index on {table} (book, payment_id)
