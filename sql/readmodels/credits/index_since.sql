-- What changed its status last.
create index {index} on {table} (book, status_since, credit_id)
