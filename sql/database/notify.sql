-- Notify other processes when the transaction commits.
select pg_notify(%(channel)s, %(payload)s)
