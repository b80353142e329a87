-- The builds of a version that can be gone back to.
select name, previous from read.projection
where version = %(version)s and previous is not null
order by name
