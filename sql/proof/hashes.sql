-- Get ranges of stored nodes of the tree, and of leaves (level 0), each range joined in order.
-- Of a node it is the hash; of a leaf the link, whose position is the index and one.
select wanted.level, wanted.first, wanted.last, n.joined
from unnest(%(levels)s::smallint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    as wanted (level, first, last)
cross join lateral (
    select string_agg(l.hash, ''::bytea order by l.index) as joined
    from (
        select index, hash
        from store.tree_node
        where book = %(book)s and level = wanted.level
            and index >= wanted.first and index < wanted.last
        order by index
        -- never more than these, and it makes the planner use the index
        limit wanted.last - wanted.first
    ) l
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
        limit wanted.last - wanted.first
    ) l
) e
where wanted.level = 0
