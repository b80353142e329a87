-- Delete the builds of all older versions.
delete from read.projection where version < %(version)s
