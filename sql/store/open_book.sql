-- Begin a book that has no event yet.
insert into store.head (book) values (%(book)s) on conflict (book) do nothing
