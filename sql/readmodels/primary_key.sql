-- Add the primary key of a read model.
alter table {table} add primary key (book, {key})
