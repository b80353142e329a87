-- Count the events recorded in stretches of time, and those that need attention; a search finds each end.
with recursive groups (verdict, type) as (
    {groups}
),
search (n, at, low, high) as (
    -- events up to low were recorded before; events from high on were not
    select b.n, b.at, 0::bigint, h.position + 1
    from store.head h
    cross join unnest(%(bounds)s::timestamptz[]) with ordinality b (at, n)
    where h.book = %(book)s
    union all
    select s.n, s.at,
        case when looked.was then looked.position else s.low end,
        case when looked.was then s.high else looked.position end
    from search s
    cross join lateral (
        select e.position, e.recorded_at < s.at as was
        from store.event e
        where e.book = %(book)s and e.position = (s.low + s.high) / 2
    ) looked
    where s.high - s.low > 1
),
reached as (
    -- positions have no gaps
    select n, at, low as after, lead(low) over (order by n) as last
    from search
    where high - low = 1
)
select s.at, s.last - s.after as events,
    (select count(*) from (
        select
        from groups g
        cross join lateral (
            select
            from {view} i
            where i.book = %(book)s and i.verdict = g.verdict and i.type = g.type
                and i.verdict not in ('applied', 'confirmed')
                and i.position > s.after and i.position <= s.last
        ) i
        -- a reading at the provider tells what no event told: nothing is left to do
        where not (g.verdict = 'inferred' and g.type = '') and s.last > s.after
        limit %(most)s
    ) one) as attention
from reached s
where s.last is not null
order by s.n
