-- Get the holder of a lease, its start, and the progress of its work.
select owner, since, doing, done, total from read.lease where name = %(name)s
