-- Get the events after a position, in order.
select position, webhook_id, revision, sent_at, recorded_at, body_sha256, body,
    case when source = 'api' then headers end as observation
from store.event
where book = %(book)s and position > %(after)s
    -- positions are dense: without an upper bound a plan made without statistics reads all of them
    and position <= %(after)s::bigint + %(limit)s
order by position
limit %(limit)s
