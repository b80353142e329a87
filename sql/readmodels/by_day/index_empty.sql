-- Counts that have come to nothing.
create index {index} on {table} (book) where count = 0
