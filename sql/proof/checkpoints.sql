-- Get checkpoints of a book before another one, the latest first.
select o.name as origin, c.origin as number, c.size, c.root, c.note, c.signed_at,
    coalesce((
        select jsonb_agg(
            jsonb_build_object(
                'anchor', a.anchor, 'anchored_at', a.anchored_at,
                'receipt', translate(encode(a.receipt, 'base64'), E'\n', '')
            )
            order by a.anchored_at, a.anchor
        )
        from store.anchored a
        where a.book = %(book)s and a.origin = c.origin and a.size = c.size
    ), '[]') as anchors
from store.checkpoint c
join store.origin o on o.book = c.book and o.number = c.origin
where c.book = %(book)s and (c.origin, c.size) < (%(before_origin)s, %(before_size)s)
order by c.origin desc, c.size desc
limit %(limit)s
