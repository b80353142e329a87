-- Get the head of a book, and the checkpoint of its read models.
select
    h.book, h.position as head_position, coalesce(c.position, 0) as checkpoint_position,
    greatest(0, h.position - coalesce(c.position, 0)) as lag_events,
    coalesce(greatest(0, (
        select extract(epoch from now() - e.recorded_at)::float8 from store.event e
        where e.book = %(book)s and e.position = coalesce(c.position, 0) + 1
    )), 0) as lag_seconds,
    (select count(*) from read.parked k where k.book = %(book)s and k.build = 'live')
        as parked_streams,
    case when h.position > 0 then
        greatest(0, extract(epoch from now() - h.recorded_at)::float8)
    end as last_event_age_seconds,
    case when h.position > 0 then
        greatest(0, extract(epoch from h.recorded_at - clock_timestamp())::float8)
    else 0 end as head_ahead_of_clock_seconds,
    (c.position > 0 and not coalesce(c.link = case
        when c.position = h.position then h.link
        else (select e.link from store.event e where e.book = %(book)s and e.position = c.position)
    end, false))::int as checkpoint_lost
from store.head h
left join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s
