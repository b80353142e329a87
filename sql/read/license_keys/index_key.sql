-- A key, by what the customer types.
create index on {table} (book, key) where key is not null
