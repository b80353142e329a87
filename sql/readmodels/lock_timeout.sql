-- Set how long the statements of a transaction wait for a lock.
select set_config('lock_timeout', %(limit)s, true)
