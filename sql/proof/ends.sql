-- Get the head of each book and its last stored event; a book may lack either.
with recursive named (book) as (
    (select book from store.event order by book limit 1)
    union all
    select (select e.book from store.event e where e.book > n.book order by e.book limit 1)
    from named n
    where n.book is not null
)
select coalesce(h.book, n.book) as book, h.position, h.link,
    coalesce((
        select e.position
        from store.event e
        where e.book = coalesce(h.book, n.book)
        order by e.position desc
        limit 1
    ), 0) as last
from store.head h
full join (select book from named where book is not null) n on n.book = h.book
order by 1
