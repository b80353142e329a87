-- Add full blocks to the tree of a book; another process may have added them.
insert into store.tree_node (book, level, index, hash)
select %(book)s, n.level, n.index, n.hash
from unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(hashes)s::bytea[])
    as n (level, index, hash)
on conflict (book, level, index) do nothing
