-- Rows that changed after a position.
create index {index} on {table} (book, position)
