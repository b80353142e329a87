-- Count the events recorded in stretches of time, and those that need attention; a search finds each end.
with recursive groups (verdict, type) as (
    {groups}
),
search (low, high, first, last) as (
    -- where the bounds from first to last are: events up to low were recorded before each of them,
    -- events from high on were not. They are looked for together until an event parts them
    select 0::bigint, h.position + 1, 1, cardinality(%(bounds)s::timestamptz[])
    from store.head h
    where h.book = %(book)s
    union all
    select part.low, part.high, part.first, part.last
    from search s
    cross join lateral (
        select e.position, width_bucket(e.recorded_at, %(bounds)s::timestamptz[]) as passed
        from store.event e
        where e.book = %(book)s and e.position = (s.low + s.high) / 2
    ) looked
    cross join lateral (
        values (s.low, looked.position, s.first, least(looked.passed, s.last)),
            (looked.position, s.high, greatest(looked.passed + 1, s.first), s.last)
    ) part (low, high, first, last)
    where s.high - s.low > 1 and part.first <= part.last
),
reached as (
    -- positions have no gaps
    select b.n, b.at, s.low as after, lead(s.low) over (order by b.n) as last
    from search s
    cross join generate_series(s.first, s.last) n
    join unnest(%(bounds)s::timestamptz[]) with ordinality b (at, n) using (n)
    where s.high - s.low = 1
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
