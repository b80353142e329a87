-- The events of one type.
create index on {table} (store.key(book, type), position)
