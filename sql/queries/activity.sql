-- Count the events recorded after a position, by minute or hour, and those that need attention.
select date_trunc(%(unit)s, e.recorded_at) as at, count(*) as events,
    count(*) filter (where i.verdict not in ('applied', 'confirmed')) as attention
from {view} i
join store.event e on e.book = i.book and e.position = i.position
where i.book = %(book)s and i.position > %(after)s
group by 1
order by 1
