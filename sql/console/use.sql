-- Note that a session was used.
update store.console_session set used_at = now() where sha256 = %(sha256)s
