-- Copy the events of a range of blocks, unordered; fixed-size fields come first for fast parsing.
copy (
    select position, revision, sent_at, recorded_at, body_sha256, webhook_id, book,
        case when source = 'api' then headers end as observation, body
    from store.event
    where ctid >= {first}::tid and ctid < {last}::tid
) to stdout (format binary)
