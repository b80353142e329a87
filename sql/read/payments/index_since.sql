-- What changed its status last.
create index on {table} (book, status_since, payment_id)
