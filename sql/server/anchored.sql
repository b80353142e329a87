-- Get how far a book is anchored, by anchor, and whether the anchor fails.
select coalesce(a.book, p.book) as book, coalesce(a.anchor, p.anchor) as anchor,
    coalesce(a.size, 0) as anchored_position, p.book is not null as anchor_failing
from (
    select n.book, n.anchor, max(n.size) as size
    from store.anchored n
    where n.book = %(book)s
        and n.origin = (select max(o.number) from store.origin o where o.book = %(book)s)
    group by n.book, n.anchor
) a
full join (
    select book, anchor from store.proof_problem where book = %(book)s and anchor <> ''
) p on p.anchor = a.anchor
order by 2
