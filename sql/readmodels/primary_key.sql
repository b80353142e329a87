-- A row's identity.
alter table {table} add primary key (book, {key})
