-- Delete the sessions that were not used for too long, and the links that have expired.
with links as (delete from store.console_link where expires_at <= now())
delete from store.console_session where used_at <= now() - %(idle)s::interval
