-- Get the first checkpoint of the current origin of a book that covers a size; the last if null.
select o.name as origin, c.origin as number, c.size, c.root, c.note, c.signed_at
from store.checkpoint c
join store.origin o on o.book = c.book and o.number = c.origin
where c.book = %(book)s
    and c.origin = (select max(number) from store.origin where book = %(book)s)
    and (%(size)s::bigint is null or c.size >= %(size)s)
order by
    case when %(size)s::bigint is null then -c.size else c.size end
limit 1
