-- Get all columns of some events in order.
select position, revision, sent_at, recorded_at, body_sha256, link, source, webhook_id,
    webhook_timestamp, webhook_signature, headers, verified_by, salt, body
from store.event
where book = %(book)s and position >= %(first)s and position <= %(last)s
order by position
