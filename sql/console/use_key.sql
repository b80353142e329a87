-- Note that a key of a session was used.
update store.api_key set last_used_at = now()
where book = %(book)s and id = %(id)s and revoked_at is null
