-- Count events by type and by each verdict that needs attention, with the latest position.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.verdict, r.type, r.count, r.latest
from read.checkpoint c
left join (
    select verdict, type, count(*) as count, max(position) as latest
    from {view}
    where book = %(book)s and verdict not in ('applied', 'confirmed')
        -- a reading at the provider tells what no event told: nothing is left to do
        and not (verdict = 'inferred' and type = '')
    group by verdict, type
) r on true
where c.book = %(book)s and c.version = %(version)s
order by r.verdict, r.type
