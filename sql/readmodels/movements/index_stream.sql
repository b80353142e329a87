-- Movements of one subscription.
create index {index} on {table} (store.key(book, stream), at)
