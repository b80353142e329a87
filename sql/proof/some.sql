-- Get all columns of the events at some positions, as a stretch has them.
select position, revision, sent_at, recorded_at, body_sha256, link, source, webhook_id,
    webhook_timestamp, webhook_signature, headers, verified_by, salt, body
from store.event
where book = %(book)s and position = any(%(positions)s)
order by position
