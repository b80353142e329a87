-- Get ranges of stored nodes of the tree, of one level each: their hashes, joined in order.
select wanted.level, wanted.first, wanted.last, n.joined
from unnest(%(levels)s::smallint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    as wanted (level, first, last)
cross join lateral (
    select string_agg(t.hash, ''::bytea order by t.index) as joined
    from store.tree_node t
    where t.book = %(book)s and t.level = wanted.level
        and t.index >= wanted.first and t.index < wanted.last
) n
