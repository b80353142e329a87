-- Give a session another id, so that one known from before it was signed in opens nothing.
update store.console_session set sha256 = %(sha256)s
where sha256 = %(before)s and used_at > now() - %(idle)s::interval
