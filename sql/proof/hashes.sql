-- Get ranges of stored nodes of the tree, and of leaves (level 0), each range joined in order.
-- Of a node it is the hash; of a leaf the link, whose position is the index and one.
select wanted.level, wanted.first, wanted.last, n.joined
from unnest(%(levels)s::smallint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    as wanted (level, first, last)
cross join lateral (
    select string_agg(t.hash, ''::bytea order by t.index) as joined
    from store.tree_node t
    where t.book = %(book)s and t.level = wanted.level
        and t.index >= wanted.first and t.index < wanted.last
) n
where wanted.level > 0
union all
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
where wanted.level = 0
