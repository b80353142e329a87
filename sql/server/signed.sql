-- Get how far a book is signed, and whether signing fails.
select h.book,
    coalesce((
        select max(c.size)
        from store.checkpoint c
        where c.book = %(book)s
            and c.origin = (select max(o.number) from store.origin o where o.book = %(book)s)
    ), 0) as signed_position,
    exists (
        select from store.proof_problem p where p.book = %(book)s and p.anchor = ''
    ) as signing_failing
from store.head h
where h.book = %(book)s
