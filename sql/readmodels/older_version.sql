-- Get the latest older version of the read models with a live build.
select max(version) as version from read.projection where version < %(version)s and live is not null
