-- A page of the index of events, with what the store knows of each.
select c.position as checkpoint, r.*
from read.checkpoint c
left join lateral (
    select i.position, i.stream, i.customer_id, i.type, i.occurred_at, i.verdict, i.status_from,
        i.status_to, i.newer, i.late, i.revision, e.webhook_id, e.sent_at, e.recorded_at
    from {view} i
    join store.event e on e.book = i.book and e.position = i.position
    where i.book = %(book)s and {conditions}
    order by i.{sort} {direction}, i.position {direction}
    limit %(limit)s
) r on true
where c.book = %(book)s and c.version = %(version)s
