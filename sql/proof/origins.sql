-- Get all origins of a book, the first one first.
select number, name, public_key, parted_at, created_at
from store.origin
where book = %(book)s
order by number
