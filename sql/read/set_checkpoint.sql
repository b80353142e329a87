-- Say how far the read models of a version have come in one book.
insert into read.checkpoint (book, version, position)
values (%(book)s, %(version)s, %(position)s)
on conflict (book, version) do update set position = excluded.position
