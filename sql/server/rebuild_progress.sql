-- How far the rebuild that is running has come.
select done, total from read.lease where name = %(lease)s and expires_at > now()
