-- The last position recorded before a moment, or by it: a binary search, since recorded_at never falls.
with recursive search (low, high) as (
    -- what is at low or before it was; what is at high or after it was not
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
