-- Revoke a key for ever, of one book or of any.
update store.api_key set revoked_at = now()
where id = %(id)s and revoked_at is null and (%(book)s::text is null or book = %(book)s)
returning book
