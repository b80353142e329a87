-- Let nobody rely on the live builds while they are switched.
select name from read.projection where version = %(version)s order by name for update
