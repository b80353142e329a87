-- Record that the provider did not have a resource.
insert into store.reconcile_absence (book, kind, id, first_at, last_at)
values (%(book)s, %(kind)s, %(id)s, %(at)s, %(at)s)
on conflict (book, kind, id) do update set last_at = excluded.last_at
