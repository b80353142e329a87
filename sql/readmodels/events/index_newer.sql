-- Events whose snapshot was rendered after the event.
create index {index} on {table} (book, position) where newer
