-- Record the position of a live build in a book before it is replaced.
insert into read.retired (name, version, book, position)
values (%(name)s, %(version)s, %(book)s, %(position)s)
on conflict (name, version, book) do update set position = excluded.position
