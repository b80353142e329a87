-- End all connections to a database.
select pg_terminate_backend(pid) from pg_stat_activity where datname = %(name)s
