-- List the tables of some schemas that Citus has not distributed, and whether they are ours.
select n.nspname as schema, c.relname as name, pg_has_role(c.relowner, 'usage') as owned
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p') and not c.relispartition
    -- pieces of distributed tables have names of their own, and may be here too
    and not relation_is_a_known_shard(c.oid::regclass)
    and not exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
order by n.nspname, c.relname
