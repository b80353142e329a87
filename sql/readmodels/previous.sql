-- Get the previous builds of a version, for an undo.
select name, previous from read.projection
where version = %(version)s and previous is not null
order by name
