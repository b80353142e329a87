-- The last version of the read models before this one that was built.
select max(version) as version from read.projection where version < %(version)s and live is not null
