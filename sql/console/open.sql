-- Let a session open a book by a key.
insert into store.console_session (sha256, book, key_id, opened_by)
values (%(sha256)s, %(book)s, %(key_id)s, %(opened_by)s)
on conflict (sha256, book) do update
set key_id = excluded.key_id, opened_by = excluded.opened_by, created_at = excluded.created_at, used_at = excluded.used_at
