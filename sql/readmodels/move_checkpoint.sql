-- Advance a checkpoint with the link of its event; no row if another process has moved it.
update read.checkpoint c
set position = e.position, link = e.link, recorded_at = e.recorded_at
from store.event e
where c.book = %(book)s and c.version = %(version)s and c.position = %(expected)s
    and e.book = %(book)s and e.position = %(position)s
returning c.position
