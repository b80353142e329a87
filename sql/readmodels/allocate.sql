-- Allocate the number of a new build of a projection.
insert into read.projection (name, version, allocated) values (%(name)s, %(version)s, 1)
on conflict (name, version) do update set allocated = read.projection.allocated + 1
returning allocated
