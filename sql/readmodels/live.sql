-- Which build of each projection is live; whoever asks in a transaction keeps it so until its end.
select name, live from read.projection where version = %(version)s and live is not null
order by name for share
