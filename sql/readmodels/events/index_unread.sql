-- Events with an unreadable field, by type.
create index {index} on {table} (book, position) include (type) where unread is not null
