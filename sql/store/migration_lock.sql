-- Serialise the migrations of processes that start together.
select pg_advisory_xact_lock(%(key)s)
