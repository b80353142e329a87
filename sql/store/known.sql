-- Which deliveries of these ids are recorded, and where.
select webhook_id, body_sha256, position
from store.event
where book = %(book)s and webhook_id = any(%(webhook_ids)s)
    and store.key(book, webhook_id) = any(array(
        select store.key(%(book)s, id) from unnest(%(webhook_ids)s::text[]) as id
    ))
