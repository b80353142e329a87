-- Record an applied migration.
insert into store.migration (name, sha256) values (%(name)s, %(sha256)s)
