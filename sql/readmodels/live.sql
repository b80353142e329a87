-- Get the live build of each projection; in a transaction it stays live until the end.
select name, live from read.projection where version = %(version)s and live is not null
order by name for share
