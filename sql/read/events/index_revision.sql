-- What came again with another body.
create index on {table} (book, position) where revision
