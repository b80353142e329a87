-- Get the builds of a projection's version that must not be dropped.
select live, previous from read.projection where name = %(name)s and version = %(version)s
