-- What needs attention, and the counts per verdict and type.
create index on {table} (book, verdict, type, position)
