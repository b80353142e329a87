-- Take a link: it opens nothing afterwards.
delete from store.console_link l
using store.api_key k
where l.book = %(book)s and l.sha256 = %(sha256)s and l.expires_at > now()
    and k.book = %(book)s and k.id = l.key_id and k.revoked_at is null
returning k.book, k.id, k.scopes
