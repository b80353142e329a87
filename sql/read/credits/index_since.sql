-- What changed its status last.
create index on {table} (book, status_since, credit_id)
