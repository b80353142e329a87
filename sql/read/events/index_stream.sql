-- The entries of one stream.
create index on {table} (book, stream, position) where stream is not null
