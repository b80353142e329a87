-- Lock the live builds against readers while they are switched.
select name from read.projection where version = %(version)s order by name for update
