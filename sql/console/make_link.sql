-- Store the hash of a link that opens a session once.
insert into store.console_link (sha256, book, key_id, expires_at)
values (%(sha256)s, %(book)s, %(key_id)s, now() + %(valid)s::interval)
