-- Get the head of a book, and its last stored event; no row for a book that has neither.
select n.book, h.position, h.link, coalesce(e.last, 0) as last
from (select %(book)s::text as book) n
left join store.head h on h.book = %(book)s
left join (
    select position as last from store.event where book = %(book)s order by position desc limit 1
) e on true
where h.book is not null or e.last is not null
