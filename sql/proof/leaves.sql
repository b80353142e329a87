-- Get the links at some positions; the index of a leaf is its position less one.
select position - 1 as index, link
from store.event
where book = %(book)s and position = any(%(positions)s::bigint[])
