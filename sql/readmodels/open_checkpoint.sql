-- Create the checkpoint of a new book.
insert into read.checkpoint (book, version, position)
values (%(book)s, %(version)s, 0)
on conflict (book, version) do nothing
