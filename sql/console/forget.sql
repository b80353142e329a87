-- Delete the sessions that were not used for too long.
delete from store.console_session where used_at <= now() - %(idle)s::interval
