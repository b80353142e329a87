-- Licence keys, by the text that the customer types.
create index {index} on {table} (book, key) where key is not null
