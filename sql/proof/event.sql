-- Get all columns of an event but the body, and the link before it.
select position, source, webhook_id, revision, sent_at, recorded_at, webhook_timestamp,
    webhook_signature, headers, verified_by, body_sha256, salt, link,
    case
        when position = 1 then decode(repeat('00', 32), 'hex')
        else (
            select p.link
            from store.event p
            where p.book = %(book)s and p.position = %(position)s::bigint - 1
        )
    end as previous
from store.event
where book = %(book)s and position = %(position)s
