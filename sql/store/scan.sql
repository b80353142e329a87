-- The events in a stretch of the table's blocks, in no order, fixed fields first so that they are found quickly.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, webhook_id, book, body
    from store.event
    where ctid >= {first}::tid and ctid < {last}::tid
) to stdout (format binary)
