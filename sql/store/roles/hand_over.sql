-- Give a table or view to a role.
alter table {table} owner to {role}
