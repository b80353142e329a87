-- Get stored nodes of the tree: ranges of one level each.
select n.level, n.index, n.hash
from unnest(%(levels)s::smallint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    as wanted (level, first, last)
cross join lateral (
    select level, index, hash
    from store.tree_node
    where book = %(book)s and level = wanted.level
        and index >= wanted.first and index < wanted.last
) n
