-- Find the connections that hold the lock a connection waits for, with details we may see.
select
    pid,
    application_name as application,
    usename::text as role,
    xact_start as since,
    -- a transaction of ours whose client has stopped: no timeout of the server ends
    -- one that is within COPY
    usename = current_user
    and application_name = 'daybook writer'
    and wait_event = 'ClientRead'
    and state_change < clock_timestamp() - interval '1 second' as stalled
from pg_stat_activity
where pid = any(pg_blocking_pids(%(pid)s))
