-- Get the index's entry for a position, and the position that the answer reflects.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.position, r.stream, r.customer_id, r.type, r.occurred_at,
    r.verdict, r.newer, r.late, r.revision, r.undecided, r.shown_at, r.unread
from read.checkpoint c
left join {view} r on r.book = %(book)s and r.position = %(position)s
where c.book = %(book)s and c.version = %(version)s
