-- Change the owner of a table or view.
alter table {table} owner to {role}
