-- Read what other sessions do again, within a transaction too.
select pg_stat_clear_snapshot()
