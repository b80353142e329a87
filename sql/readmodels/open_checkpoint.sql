-- Let the read models begin in a book that they have not seen.
insert into read.checkpoint (book, version, position)
values (%(book)s, %(version)s, 0)
on conflict (book, version) do nothing
