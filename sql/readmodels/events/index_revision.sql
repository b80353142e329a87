-- What came again with another body.
create index {index} on {table} (book, position) where revision
