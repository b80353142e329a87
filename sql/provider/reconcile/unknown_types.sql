-- List the types of the events of some streams whose verdict is unknown.
select stream, array_agg(distinct type) as types
from {events}
where store.key(book, stream) = any(
        array(select store.key(%(book)s, s.stream) from unnest(%(streams)s::text[]) as s (stream))
    )
    and book = %(book)s and stream = any(%(streams)s) and verdict = 'unknown' and type <> ''
group by stream
