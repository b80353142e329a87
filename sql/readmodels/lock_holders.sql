-- List transactions that have locked the read models for a while, the oldest first.
select a.pid, a.application_name as application, a.usename as role, a.xact_start as since
from pg_stat_activity a
where a.pid <> pg_backend_pid() and a.datname = current_database()
    and (a.xact_start is null or a.xact_start < clock_timestamp() - interval '100 milliseconds')
    and exists (
        select from pg_locks l
        join pg_class c on c.oid = l.relation
        join pg_namespace n on n.oid = c.relnamespace
        where l.pid = a.pid and l.granted and n.nspname = 'read' and c.relkind in ('r', 'p', 'v')
            and l.database = (select oid from pg_database where datname = current_database())
    )
order by a.xact_start nulls last
limit 3
