-- Keep a signed checkpoint; it may be there already.
insert into store.checkpoint (book, origin, size, root, note)
values (%(book)s, %(origin)s, %(size)s, %(root)s, %(note)s)
on conflict (book, origin, size) do nothing
