-- What was rendered after its event.
create index on {table} (book, position) where newer
