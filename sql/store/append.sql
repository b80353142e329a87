-- Append whole rows; the writer encodes the columns in this order.
copy store.event (
    book, position, source, webhook_id, revision, sent_at, recorded_at, webhook_timestamp,
    webhook_signature, headers, verified_by, body_sha256, link, salt, body
) from stdin (format binary)
