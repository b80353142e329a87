-- End a connection of ours whose client has stopped within a transaction.
select pg_terminate_backend(%(pid)s)
