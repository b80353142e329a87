-- Check whether the server is a standby.
select pg_is_in_recovery() as standby
