-- End a session.
delete from store.console_session where sha256 = %(sha256)s
