-- All events of some streams up to a position.
select i.stream, e.position, e.webhook_id, e.sent_at, e.recorded_at, e.body_sha256, e.body
from {events} i
join store.event e on e.book = i.book and e.position = i.position
where i.book = %(book)s and i.position <= %(until)s
    and store.key(i.book, i.stream) = any(
        array(select store.key(%(book)s, s.stream) from unnest(%(streams)s::text[]) as s (stream))
    )
    and i.stream = any(%(streams)s)
order by e.position
