-- Get the latest checkpoint of the current origin of a book that each anchor has.
select distinct on (a.anchor) a.anchor, a.size, a.anchored_at
from store.anchored a
where a.book = %(book)s
    and a.origin = (select max(number) from store.origin where book = %(book)s)
order by a.anchor, a.size desc
