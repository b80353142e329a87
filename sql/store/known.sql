-- Get the recorded events of some ids, unordered.
select webhook_id, body_sha256, sent_at, position, source, substr(link, 1, 4) as link
from store.event
where book = %(book)s and webhook_id = any(%(webhook_ids)s)
    and left(webhook_id, 100) = any(array(
        select left(id, 100) from unnest(%(webhook_ids)s::text[]) as id
    ))
