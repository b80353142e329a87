-- Copy all columns of the events at some positions, as a stretch has them.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, link, source, verified_by,
        webhook_timestamp, salt, webhook_id, webhook_signature, headers, body
    from store.event
    where book = {book} and position = any({positions})
    order by position
) to stdout (format binary)
