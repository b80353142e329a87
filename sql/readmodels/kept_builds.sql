-- The builds of a projection's version that must stay.
select live, previous from read.projection where name = %(name)s and version = %(version)s
