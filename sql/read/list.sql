-- A page of rows, newest first, with the events that supply their snapshots.
select c.position as checkpoint, r.key, r.created_at, r.memo, e.body
from read.checkpoint c
left join lateral (
    select book, {key} as key, created_at, memo, snapshot_position
    from {view}
    where book = %(book)s and {conditions}
    order by created_at desc, {key} desc
    limit %(limit)s
) r on true
left join store.event e on e.book = r.book and e.position = r.snapshot_position
where c.book = %(book)s and c.version = %(version)s
order by r.created_at desc, r.key desc
