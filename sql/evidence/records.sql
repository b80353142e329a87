-- Get some events of a book with all that is stored of them, and the link before each.
select e.position, e.source, e.webhook_id, e.revision, e.sent_at, e.recorded_at,
    e.webhook_timestamp, e.webhook_signature, e.headers, e.verified_by, e.body_sha256, e.salt,
    e.link, e.body, coalesce(p.link, decode(repeat('00', 32), 'hex')) as previous,
    case when e.source = 'api' then e.headers end as observation
from store.event e
left join store.event p on p.book = e.book and p.position = e.position - 1
where e.book = %(book)s and e.position = any(%(positions)s)
order by e.position
