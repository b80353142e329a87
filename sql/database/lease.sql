-- Who holds a lease, since when, and how far its work has come.
select owner, since, doing, done, total from read.lease where name = %(name)s
