-- The events of a book after a position and up to another, with the fields of a scan by blocks.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, webhook_id, book, body
    from store.event
    where book = {book} and position > {first} and position <= {last}
) to stdout (format binary)
