-- Events of one stream.
create index {index} on {table} (store.key(book, stream), position) where stream is not null
