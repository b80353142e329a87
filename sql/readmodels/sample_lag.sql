-- Keep the greatest lag of a book's read models that is seen in this minute.
insert into store.lag (book, minute, seconds, events)
select h.book, date_trunc('minute', now()),
    coalesce(greatest(0, (
        select extract(epoch from now() - e.recorded_at)::float8 from store.event e
        where e.book = %(book)s and e.position = coalesce(c.position, 0) + 1
    )), 0),
    greatest(0, h.position - coalesce(c.position, 0))
from store.head h
left join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s
on conflict (book, minute) do update
set seconds = greatest(store.lag.seconds, excluded.seconds),
    events = greatest(store.lag.events, excluded.events)
