-- Get some rows with the events of their snapshots, and the position that the answer reflects.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.{key} as key, r.memo, e.body
from read.checkpoint c
left join {view} r on r.book = %(book)s and r.{key} = any(%(ids)s)
left join store.event e on e.book = %(book)s and e.position = r.snapshot_position
where c.book = %(book)s and c.version = %(version)s
