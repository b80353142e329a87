-- List all keys, of one book or of all.
select book, id, scopes, label, created_at, last_used_at, revoked_at
from store.api_key
where %(book)s::text is null or book = %(book)s
order by book, created_at, id
