-- List a page of the index of events, with fields of the store.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.*
from read.checkpoint c
left join lateral (
    select p.*, e.source, e.webhook_id, e.sent_at, e.recorded_at
    from (
        select i.position, i.stream, i.customer_id, i.type, i.occurred_at, i.verdict,
            i.status_from, i.status_to, i.newer, i.late, i.revision, i.undecided, i.shown_at,
            i.unread, i.amount, i.currency
        from {view} i
        where i.book = %(book)s and {conditions}
        order by i.{sort} {direction}, i.position {direction}
        limit %(limit)s
    ) p
    -- joined after the limit: an earlier join would read the store up to the start of the page
    join store.event e on e.book = %(book)s and e.position = p.position
    order by p.{sort} {direction}, p.position {direction}
) r on true
where c.book = %(book)s and c.version = %(version)s
