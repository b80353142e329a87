-- Copy all columns of some events in order; fixed-size fields come first for fast parsing.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, link, source, verified_by,
        webhook_timestamp, salt, webhook_id, webhook_signature, headers, body
    from store.event
    where book = {book} and position >= {first} and position <= {last}
    order by position
) to stdout (format binary)
