-- What could not be read whole, and of which type it is.
create index {index} on {table} (book, position) include (type) where unread is not null
