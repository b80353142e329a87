-- Get the head of a book, and how many full blocks of each level its tree has.
select h.position, h.link, jsonb_object_agg(n.level, n.count) as counts
from store.head h
cross join lateral (
    select level, coalesce((
        select t.index + 1
        from store.tree_node t
        where t.book = %(book)s and t.level = wanted.level
        order by t.index desc
        limit 1
    ), 0) as count
    from (values (8), (16), (24), (32), (40)) as wanted (level)
) n
where h.book = %(book)s
group by h.position, h.link
