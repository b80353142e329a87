-- Keep how far the backfill of one kind has come.
insert into store.backfill (book, kind, saved_at, progress)
values (%(book)s, %(kind)s, now(), %(progress)s::jsonb)
on conflict (book, kind) do update set
    saved_at = excluded.saved_at, progress = excluded.progress
