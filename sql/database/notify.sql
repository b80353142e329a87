-- A hint for other processes, sent when the transaction commits.
select pg_notify(%(channel)s, %(payload)s)
