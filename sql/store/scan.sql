-- The events between two positions, in no order, fixed fields first so that they are found quickly.
copy (
    select position, sent_at, recorded_at, body_sha256, webhook_id, body
    from store.event
    where book = {book} and position > {after} and position <= {until}
) to stdout (format binary)
