-- List all tables of a version of a projection, live or not.
select c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'read' and c.relkind in ('r', 'p') and starts_with(c.relname, %(prefix)s)
