-- Get the last position recorded before or at a time, by binary search: recorded_at never decreases.
with recursive search (low, high) as (
    -- events up to low match; events from high on do not
    select 0::bigint, h.position + 1 from store.head h where h.book = %(book)s
    union all
    select
        case when looked.was then looked.position else s.low end,
        case when looked.was then s.high else looked.position end
    from search s
    cross join lateral (
        select e.position,
            e.recorded_at < %(at)s or (%(inclusive)s and e.recorded_at = %(at)s) as was
        from store.event e
        where e.book = %(book)s and e.position = (s.low + s.high) / 2
    ) looked
    where s.high - s.low > 1
)
select low as position from search where high - low = 1
