-- List builds and views of the read models that a role does not own.
select c.relname as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles r on r.oid = c.relowner
where n.nspname = 'read' and c.relkind in ('r', 'p', 'v') and r.rolname <> %(role)s
    -- made by a migration, and the owner's
    and c.relname not in ('projection', 'checkpoint', 'retired', 'parked', 'lease')
