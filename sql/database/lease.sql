-- Get the holder of a lease, its start, its end unless it is renewed, and the progress of its work.
select owner, since, expires_at, doing, done, total from read.lease where name = %(name)s
