-- Make the transaction's commit wait for the local disk, not for a standby.
select set_config('synchronous_commit', 'local', true)
