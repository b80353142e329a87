-- Lock the live builds of a version, and of those before it, whose tables it may show, for a switch.
select name from read.projection where version <= %(version)s order by version, name for update
