-- Set when a key was last used.
update store.api_key set last_used_at = %(at)s
where book = %(book)s and id = %(id)s and (last_used_at is null or last_used_at < %(at)s)
