-- Get the head of a book, and how many full blocks of each level its tree has.
select h.position, h.link,
    coalesce((
        select jsonb_object_agg(n.level, n.count)
        from (
            select level, max(index) + 1 as count
            from store.tree_node
            where book = %(book)s
            group by level
        ) n
    ), '{}') as counts
from store.head h
where h.book = %(book)s
