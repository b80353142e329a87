-- Customers by the beginning of an address, in any case of its letters.
create index {index} on {table} (book, lower(email) text_pattern_ops) where email is not null
