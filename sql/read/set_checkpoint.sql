-- Move the checkpoint of one projection in one book.
insert into read.checkpoint (book, name, version, position)
values (%(book)s, %(name)s, %(version)s, %(position)s)
on conflict (book, name, version) do update set position = excluded.position
