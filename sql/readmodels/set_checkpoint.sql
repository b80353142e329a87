-- Set the checkpoint of a version of the read models in a book, with the link of its event.
insert into read.checkpoint (book, version, position, link, recorded_at)
select %(book)s, %(version)s, s.position, coalesce(e.link, decode(repeat('00', 32), 'hex')), e.recorded_at
from (select %(position)s::bigint as position) s
left join store.event e on e.book = %(book)s and e.position = s.position
on conflict (book, version) do update
set position = excluded.position, link = excluded.link, recorded_at = excluded.recorded_at,
    lost = false
