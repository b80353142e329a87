-- Granted licence keys, by the text that the customer types.
create index {index} on {table} (book, license_key) where license_key is not null
