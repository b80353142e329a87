-- Delete the links that have expired.
delete from store.console_link where expires_at <= now()
