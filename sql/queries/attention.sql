-- Group the events that need attention by verdict and type, and count what nobody has looked at yet.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    g.verdict, g.type, g.count, g.first, g.latest, f.occurred_at as first_at, l.occurred_at as last_at,
    -- what came since, and what got this verdict since, by an event that came late
    g.later + greatest(0, g.count - g.later - coalesce(a.count, 0)) as fresh,
    a.position as acknowledged, a.at, a.actor, a.who, k.label, a.note
from read.checkpoint c
left join (
    select i.verdict, i.type, count(*) as count, min(i.position) as first, max(i.position) as latest,
        count(*) filter (where i.position > coalesce(s.position, 0)) as later
    from {view} i
    left join store.acknowledgement s
        on s.book = i.book and s.verdict = i.verdict and s.type = i.type
    where i.book = %(book)s and i.verdict not in ('applied', 'confirmed')
        -- a reading at the provider tells what no event told: nothing is left to do
        and not (i.verdict = 'inferred' and i.type = '')
    group by i.verdict, i.type
) g on true
-- limited, so that a join never reads all events for a few groups
left join lateral (
    select i.occurred_at from {view} i where i.book = %(book)s and i.position = g.first limit 1
) f on true
left join lateral (
    select i.occurred_at from {view} i where i.book = %(book)s and i.position = g.latest limit 1
) l on true
left join store.acknowledgement a on a.book = c.book and a.verdict = g.verdict and a.type = g.type
left join store.api_key k on a.actor = 'key' and k.book = a.book and k.id = a.who
where c.book = %(book)s and c.version = %(version)s
order by g.verdict, g.type
