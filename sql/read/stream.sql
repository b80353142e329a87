-- All events of one stream up to a position.
select e.position, e.webhook_id, e.sent_at, e.recorded_at, e.body_sha256, e.body
from {events} i
join store.event e on e.book = i.book and e.position = i.position
where i.book = %(book)s and i.stream = %(stream)s and i.position <= %(until)s
order by e.position
