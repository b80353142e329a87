-- The builds and views of the read models that do not belong to a role.
select c.relname as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles r on r.oid = c.relowner
where n.nspname = 'read' and c.relkind in ('r', 'v') and r.rolname <> %(role)s
    -- made by a migration, and the owner's
    and c.relname not in ('projection', 'checkpoint', 'retired', 'parked', 'lease')
