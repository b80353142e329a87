-- Begin an origin of a book, unless another process has.
insert into store.origin (book, number, name, public_key, parted_at)
values (%(book)s, %(number)s, %(name)s, %(public_key)s, %(parted_at)s)
on conflict (book, number) do nothing
returning number
