-- Get the time when an event was recorded, and the checkpoint of the book's read models.
select e.recorded_at, c.position as checkpoint
from store.event e
left join read.checkpoint c on c.book = e.book and c.version = %(version)s
where e.book = %(book)s and e.position = %(position)s
