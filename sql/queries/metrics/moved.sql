-- List the movements of recurring revenue, or those of one product.
select r.stream, r.position, r.number, r.at, r.currency,
    -- of one product, a change to or from another one is like a change of the currency
    case
        when %(product_id)s::text is null or r.was_product is null then r.kind
        when r.product = %(product_id)s then 'switched_to'
        else 'switched_from'
    end as kind,
    case
        when %(product_id)s::text is null or r.was_product is null then r.amount
        when r.product = %(product_id)s then r.amount + r.was_amount
        else -r.was_amount
    end as amount
from {rows} r
where r.book = %(book)s and {condition}
    and (
        %(product_id)s::text is null
        or r.product = %(product_id)s or r.was_product = %(product_id)s
    )
