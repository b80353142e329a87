-- Movements by the time when they happened.
create index {index} on {table} (book, at)
