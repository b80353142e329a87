-- Revoke a key for ever.
update store.api_key set revoked_at = now() where id = %(id)s and revoked_at is null
returning book
