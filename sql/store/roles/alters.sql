-- Check whether a role, by default the current one, could alter events if no trigger existed.
select has_table_privilege(r.oid, c.oid, 'update, delete, truncate, trigger')
    or has_any_column_privilege(r.oid, c.oid, 'update')
    or pg_has_role(r.oid, c.relowner, 'member')
    or pg_has_role(r.oid, n.nspowner, 'member')
    -- before PostgreSQL 16 it could grant the owner to itself
    or r.rolcreaterole as alters
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join pg_roles r
where n.nspname = 'store' and c.relname = 'event'
    and r.rolname = coalesce(%(role)s, current_user)
