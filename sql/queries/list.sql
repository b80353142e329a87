-- List a page of rows in one of their orders, with snapshot events, up to a total size.
select page.checkpoint, page.checkpoint_link, page.lost,
    page.key, page.sorted, page.memo, page.body, page.stale, page.found
from (
    select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
        r.key, r.sorted, r.memo, e.body,
        k.stream is not null as stale,
        count(*) over () as found,
        row_number() over nearer as nth,
        coalesce(sum(octet_length(e.body)) over nearer, 0) as bytes
    from read.checkpoint c
    left join lateral (
        select {key} as key, {sort} as sorted, memo, snapshot_position
        from {view}
        where book = %(book)s and {conditions}
        order by {sort} {direction}, {key} {direction}
        limit %(limit)s
    ) r on true
    left join store.event e on e.book = %(book)s and e.position = r.snapshot_position
    left join read.parked k
        on k.book = c.book and k.build = 'live' and k.stream = %(category)s::text || '-' || r.key
    where c.book = %(book)s and c.version = %(version)s
    window nearer as (
        order by r.sorted {direction}, r.key {direction} rows unbounded preceding
    )
) page
where page.nth = 1 or page.bytes <= %(most_bytes)s
order by page.nth
