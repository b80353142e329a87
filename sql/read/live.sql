-- Which build of each projection is live.
select name, version, live from read.projection where live is not null
