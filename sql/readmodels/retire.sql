-- Remember where the live build of a projection stands in a book, which is about to be replaced.
insert into read.retired (name, version, book, position)
values (%(name)s, %(version)s, %(book)s, %(position)s)
on conflict (name, version, book) do update set position = excluded.position
