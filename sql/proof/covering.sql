-- Get some checkpoints of a book, with the keys of their origins and what anchors gave for them.
select o.name as origin, c.origin as number, o.public_key, c.size, c.note, c.signed_at,
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
from unnest(%(numbers)s::integer[], %(sizes)s::bigint[]) w (number, size)
join store.checkpoint c on c.book = %(book)s and c.origin = w.number and c.size = w.size
join store.origin o on o.book = c.book and o.number = c.origin
order by c.origin, c.size
