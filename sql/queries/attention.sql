-- Group the events that need attention by verdict and type, and count what nobody has looked at yet.
with recursive groups (verdict, type) as (
    {groups}
)
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    g.verdict, g.type, n.before + n.later as count, n.first, n.latest, f.occurred_at as first_at, l.occurred_at as last_at,
    -- what came since, and what got this verdict since, by an event that came late
    n.later + greatest(0, n.before - coalesce(a.count, 0)) as fresh,
    a.position as acknowledged, a.at, a.actor, a.who, k.label, a.note
from read.checkpoint c
left join groups g
    -- a reading at the provider tells what no event told: nothing is left to do
    on not (g.verdict = 'inferred' and g.type = '')
left join store.acknowledgement a on a.book = c.book and a.verdict = g.verdict and a.type = g.type
left join store.api_key k on a.actor = 'key' and k.book = a.book and k.id = a.who
cross join lateral (
    -- one count each, so that it may end at the most that is asked for
    select
        (select count(*) from (
            select from {view} i
            where i.book = %(book)s and i.verdict = g.verdict and i.type = g.type
                and i.verdict not in ('applied', 'confirmed') and i.position > coalesce(a.position, 0)
            limit %(most)s
        ) one) as later,
        case when a.position is null then 0 else (select count(*) from (
            select from {view} i
            where i.book = %(book)s and i.verdict = g.verdict and i.type = g.type
                and i.verdict not in ('applied', 'confirmed') and i.position <= a.position
            limit a.count + %(most)s
        ) one) end as before,
        (select min(i.position) from {view} i
            where i.book = %(book)s and i.verdict = g.verdict and i.type = g.type
                and i.verdict not in ('applied', 'confirmed')) as first,
        (select max(i.position) from {view} i
            where i.book = %(book)s and i.verdict = g.verdict and i.type = g.type
                and i.verdict not in ('applied', 'confirmed')) as latest
) n
-- limited, so that a join never reads all events for a few groups
left join lateral (
    select i.occurred_at from {view} i where i.book = %(book)s and i.position = n.first limit 1
) f on true
left join lateral (
    select i.occurred_at from {view} i where i.book = %(book)s and i.position = n.latest limit 1
) l on true
where c.book = %(book)s and c.version = %(version)s
order by g.verdict, g.type
