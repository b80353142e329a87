-- Check whether a database has a schema of Daybook.
select exists (
    select from pg_namespace where nspname in ('store', 'read')
) as taken
