-- Give a lease back; the row stays, and says since when nobody has it.
update read.lease set expires_at = now() - interval '1 microsecond'
where name = %(name)s and owner = %(owner)s
