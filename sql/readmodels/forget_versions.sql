-- Forget the builds of the versions before one.
delete from read.projection where version < %(version)s
