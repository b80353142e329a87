-- Get what each anchor has of a book: its latest checkpoint.
select distinct on (a.anchor) a.anchor, a.origin, a.size, a.anchored_at, a.receipt
from store.anchored a
where a.book = %(book)s
order by a.anchor, a.origin desc, a.size desc
