-- Get the latest name of some products, as the provider's lists tell it.
select p.product_id, n.product_name
from unnest(%(ids)s::text[]) as p (product_id)
cross join lateral (
    select e.product_name
    from {events} e
    where e.book = %(book)s and e.named_product = p.product_id
    order by e.position desc
    limit 1
) n
