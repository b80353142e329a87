-- Events whose snapshot can be read in two ways.
create index {index} on {table} (book, position) where undecided
