-- Let a projection begin in a book that it has not seen.
insert into read.checkpoint (book, name, version, position)
values (%(book)s, %(name)s, %(version)s, 0)
on conflict (book, name, version) do nothing
