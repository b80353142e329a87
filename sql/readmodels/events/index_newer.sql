-- What was rendered after its event.
create index {index} on {table} (book, position) where newer
