-- List the movements of recurring revenue, as known at a position.
select t.stream, t.position, t.number, t.at, t.currency,
    -- of one product, a change to or from another one is like a change of the currency
    case
        when %(product_id)s::text is null or t.was_product is null then t.kind
        when t.product = %(product_id)s then 'switched_to'
        else 'switched_from'
    end as kind,
    case
        when %(product_id)s::text is null or t.was_product is null then t.amount
        when t.product = %(product_id)s then t.amount + t.was_amount
        else -t.was_amount
    end as amount
from (
    select r.*
    from {movements} r
    where r.book = %(book)s and (%(known)s::bigint is null or r.position <= %(known)s)
        and r.stream <> all(%(folded)s::text[]) and {condition}
    union all
    select r.* from jsonb_populate_recordset(null::{movements}, %(rows)s::jsonb) r where {condition}
) t
where %(product_id)s::text is null
    or t.product = %(product_id)s or t.was_product = %(product_id)s
