-- List views and tables of older versions; views first, because they depend on the tables.
select c.relname as name, c.relkind = 'v' as is_view
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'read' and c.relkind in ('r', 'p', 'v')
    and substring(c.relname from '_v([0-9]+)(?:_g[0-9]+)?$')::integer < %(version)s
order by c.relkind = 'v' desc, c.relname
