-- Copy the events of a range of positions, with the fields of a scan by blocks.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, webhook_id, book,
        case when source = 'api' then headers end as observation, body
    from store.event
    where book = {book} and position > {first} and position <= {last}
) to stdout (format binary)
