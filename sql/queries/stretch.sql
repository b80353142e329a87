-- Get a stretch of a stream in the order of the world, with bodies: some events before a place, and some from it on.
with index as materialized (
    -- by the stream alone: without statistics the planner may prefer the index of positions
    select position, stream, customer_id, type, occurred_at, verdict, status_from, status_to, newer,
        late, revision, undecided, shown_at, unread, amount, currency
    from {events}
    where book = %(book)s and store.key(book, stream) = store.key(%(book)s, %(stream)s)
        and stream = %(stream)s
),
found as (
    (
        select *
        from index
        where (occurred_at, position) < (%(at)s::timestamptz, %(position)s)
        order by occurred_at desc, position desc
        limit %(before)s
    )
    union all
    (
        select *
        from index
        where (occurred_at, position) >= (%(at)s::timestamptz, %(position)s)
        order by occurred_at, position
        limit %(after)s
    )
)
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost, h.business_id,
    r.*
from read.checkpoint c
left join store.head h on h.book = %(book)s
left join lateral (
    select f.*, e.source, e.webhook_id, e.revision as telling, e.sent_at, e.recorded_at,
        e.body_sha256, e.body, case when e.source = 'api' then e.headers end as observation
    from found f
    join store.event e on e.book = %(book)s and e.position = f.position
) r on true
where c.book = %(book)s and c.version = %(version)s
order by r.occurred_at, r.position
