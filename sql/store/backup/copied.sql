-- Count the events that a dump of this role has copied so far.
select coalesce(sum(tuples_processed), 0)::bigint as events
from pg_stat_progress_copy
where datname = current_database() and relid = 'store.event'::regclass
