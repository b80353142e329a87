-- Get how far each book is signed, and whether signing fails.
select h.book,
    coalesce((
        select max(c.size)
        from store.checkpoint c
        where c.book = h.book
            and c.origin = (select max(o.number) from store.origin o where o.book = h.book)
    ), 0) as signed_position,
    exists (
        select from store.proof_problem p where p.book = h.book and p.anchor = ''
    ) as signing_failing
from store.head h
order by h.book
