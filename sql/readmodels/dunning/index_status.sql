-- Rows of one status, in the order of the list.
create index {index} on {table} (book, status, created_at, dunning_id)
