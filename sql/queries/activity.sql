-- Count the events recorded in stretches of time, and those that need attention; a search finds each end.
with recursive search (n, at, low, high) as (
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
stretches as (
    -- positions have no gaps
    select n, at, low as after, lead(low) over (order by n) - low as events
    from search
    where high - low = 1
),
attention as (
    -- one look at the index, however many stretches there are
    select width_bucket(i.position, (select array_agg(after + 1 order by n) from stretches)) as n,
        count(*) as count
    from {view} i
    where i.book = %(book)s and i.verdict not in ('applied', 'confirmed')
        -- a reading at the provider tells what no event told: nothing is left to do
        and not (i.verdict = 'inferred' and i.type = '')
        and i.position > (select min(after) from stretches)
    group by 1
)
select s.at, s.events, coalesce(a.count, 0) as attention
from stretches s
left join attention a using (n)
where s.events is not null
order by s.n
