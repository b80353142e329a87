-- Find the books that a session opens, with the scopes and the label of each key that is not revoked.
select k.book, k.id, k.scopes, k.label, s.opened_by,
    s.used_at < now() - %(noted)s::interval as is_due
from store.console_session s
join store.api_key k on k.book = s.book and k.id = s.key_id
where s.sha256 = %(sha256)s and k.revoked_at is null and s.used_at > now() - %(idle)s::interval
order by k.book
