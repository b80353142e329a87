-- Let processes that start together migrate one after the other.
select pg_advisory_xact_lock(%(key)s)
