-- Get the links of ranges of leaves; the index of a leaf is its position less one.
select e.position - 1 as index, e.link
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as wanted (first, last)
cross join lateral (
    select position, link
    from store.event
    where book = %(book)s and position > wanted.first and position <= wanted.last
) e
