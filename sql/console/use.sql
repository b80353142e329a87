-- Note that a session and its keys were used.
with used as (
    update store.console_session set used_at = now() where sha256 = %(sha256)s
    returning book, key_id
)
update store.api_key k set last_used_at = now()
from used u
where k.book = u.book and k.id = u.key_id and k.revoked_at is null
