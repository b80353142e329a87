-- Disconnect a client of ours that has stopped within a transaction.
select pg_terminate_backend(%(pid)s)
