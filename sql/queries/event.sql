-- Get an event with all stored fields but the body.
select position, source, webhook_id, revision, sent_at, recorded_at, webhook_timestamp,
    webhook_signature, headers, verified_by, body_sha256, link, length(body) as body_length
from store.event
where book = %(book)s and position = %(position)s
