-- Get ranges of leaves: their links, joined in order; the index of a leaf is its position less one.
select wanted.level, wanted.first, wanted.last, e.joined
from unnest(%(levels)s::smallint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    as wanted (level, first, last)
cross join lateral (
    select string_agg(l.link, ''::bytea order by l.position) as joined
    from (
        select position, link
        from store.event
        where book = %(book)s and position > wanted.first and position <= wanted.last
        order by position
        -- never more than these, and it makes the planner use the index
        limit wanted.last - wanted.first
    ) l
) e
