-- Get the progress of the running rebuild.
select done, total from read.lease where name = %(lease)s and expires_at > now()
