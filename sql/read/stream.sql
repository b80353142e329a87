-- All events of some streams up to a position.
select i.stream, e.position, e.webhook_id, e.sent_at, e.recorded_at, e.body_sha256, e.body
from unnest(%(streams)s::text[]) as s (stream)
join {events} i
    on store.key(i.book, i.stream) = store.key(%(book)s, s.stream)
    and i.book = %(book)s and i.stream = s.stream
join store.event e on e.book = i.book and e.position = i.position
where i.position <= %(until)s
order by e.position
