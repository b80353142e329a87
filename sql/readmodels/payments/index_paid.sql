-- Payments of a customer, by the end of the paid period.
create index {index} on {table} (book, customer_id, paid_until) where paid_until is not null
