-- Get the current origin of a book, the last checkpoint under it, and the position of the head.
select o.number, o.name, o.public_key, o.parted_at, o.created_at, c.size, c.root, c.note,
    c.signed_at, coalesce(h.position, 0) as head
from store.origin o
left join lateral (
    select size, root, note, signed_at
    from store.checkpoint
    where book = %(book)s and origin = o.number
    order by size desc
    limit 1
) c on true
left join store.head h on h.book = %(book)s
where o.book = %(book)s
order by o.number desc
limit 1
