-- List the groups of events that need attention: a part of a recursive query called groups.
-- From group to group in the index: it has no order by position alone, and sorting all events of a
-- few groups takes long.
(
    select i.verdict, i.type
    from {view} i
    where i.book = %(book)s and i.verdict not in ('applied', 'confirmed')
    order by i.verdict, i.type
    limit 1
)
union all
select n.verdict, n.type
from groups g
cross join lateral (
    select i.verdict, i.type
    from {view} i
    where i.book = %(book)s and i.verdict not in ('applied', 'confirmed')
        and (i.verdict, i.type) > (g.verdict, g.type)
    order by i.verdict, i.type
    limit 1
) n
