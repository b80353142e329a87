-- Get a row, the event of its snapshot, and the position that the answer reflects.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.{key} as key, r.created_at, r.memo, e.body,
    k.stream is not null as stale
from read.checkpoint c
left join {view} r on r.book = %(book)s and r.{key} = %(id)s
left join store.event e on e.book = %(book)s and e.position = r.snapshot_position
left join read.parked k
    on k.book = c.book and k.build = 'live' and k.stream = %(category)s::text || '-' || r.{key}
where c.book = %(book)s and c.version = %(version)s
