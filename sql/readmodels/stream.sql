-- Get all events of some streams up to a position.
with found as materialized (
    -- by the stream alone: without statistics the planner may prefer the index of positions
    select book, stream, position
    from {events}
    where store.key(book, stream) = any(
        array(select store.key(%(book)s, s.stream) from unnest(%(streams)s::text[]) as s (stream))
    )
    and stream = any(%(streams)s)
)
select f.stream, e.position, e.webhook_id, e.revision, e.sent_at, e.recorded_at, e.body_sha256, e.body,
    case when e.source = 'api' then e.headers end as observation
from found f
join store.event e on e.book = f.book and e.position = f.position
where f.book = %(book)s and f.position <= %(until)s
order by e.position
