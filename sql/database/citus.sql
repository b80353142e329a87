-- Get the version of the extension Citus; no row where the database does not have it.
select extversion as version from pg_extension where extname = 'citus'
