-- Release a lease; the row stays, and records since when the lease is free.
update read.lease set expires_at = now() - interval '1 microsecond'
where name = %(name)s and owner = %(owner)s
