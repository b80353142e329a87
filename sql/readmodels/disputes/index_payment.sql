-- Rows of one payment.
create index {index} on {table} (book, payment_id)
