-- Get all columns of an event but the body, the link before it, and the first checkpoint that covers it.
select e.position, e.source, e.webhook_id, e.revision, e.sent_at, e.recorded_at,
    e.webhook_timestamp, e.webhook_signature, e.headers, e.verified_by, e.body_sha256, e.salt,
    e.link, coalesce(p.link, decode(repeat('00', 32), 'hex')) as previous, c.size, c.note
from store.event e
left join store.event p on p.book = %(book)s and p.position = e.position - 1
left join lateral (
    select size, note
    from store.checkpoint
    where book = %(book)s
        and origin = (select max(number) from store.origin where book = %(book)s)
        and size >= e.position
    order by size
    limit 1
) c on true
where e.book = %(book)s and e.position = %(position)s
