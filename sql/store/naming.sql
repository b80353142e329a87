-- Get the events after a position that may be of some resources, in order.
with deliveries as (
    -- a book whose read models are far behind must not make this slow
    select * from store.event
    where book = %(book)s and position > %(after)s and source <> 'api'
    order by position desc
    limit %(most)s
), named as (
    select * from deliveries
    where exists (
        select from unnest(%(ids)s::text[]) as id
        where position(convert_to('"' || id || '"', 'UTF8') in deliveries.body) > 0
    )
    union all
    -- an observation is named by its path, which ends with the id
    select * from store.event
    where book = %(book)s and position > %(after)s and source = 'api'
        and substring(webhook_id from '[^/ ]+$') = any(%(ids)s::text[])
)
select position, webhook_id, revision, sent_at, recorded_at, body_sha256, body,
    case when source = 'api' then headers end as observation
from named
order by position
