-- All events of some streams up to a position.
select i.stream, e.position, e.webhook_id, e.sent_at, e.recorded_at, e.body_sha256, e.body
from {events} i
join store.event e on e.book = i.book and e.position = i.position
where i.book = %(book)s and i.stream = any(%(streams)s) and i.position <= %(until)s
order by e.position
