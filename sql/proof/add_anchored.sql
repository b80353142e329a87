-- Record that an anchor has a checkpoint.
insert into store.anchored (book, anchor, origin, size, anchored_at, receipt)
values (%(book)s, %(anchor)s, %(origin)s, %(size)s, %(anchored_at)s, %(receipt)s)
on conflict (book, anchor, origin, size) do nothing
