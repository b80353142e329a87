-- Events that are revisions: the same id with another body.
create index {index} on {table} (book, position) where revision
