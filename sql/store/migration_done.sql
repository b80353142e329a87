-- Remember that a migration was applied.
insert into store.migration (name, sha256) values (%(name)s, %(sha256)s)
