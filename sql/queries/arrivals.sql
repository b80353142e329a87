-- Count the events recorded after a position, by hour, and by whether they need attention.
select date_trunc('hour', e.recorded_at) as hour,
    i.verdict not in ('applied', 'confirmed') as needs_attention, count(*) as count
from {view} i
join store.event e on e.book = i.book and e.position = i.position
where i.book = %(book)s and i.position > %(after)s
group by 1, 2
order by 1, 2
