-- Let the commit of a transaction wait for this server's disk, and for no standby.
select set_config('synchronous_commit', 'local', true)
