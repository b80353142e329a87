-- Events of one type.
create index {index} on {table} (store.key(book, type), position)
