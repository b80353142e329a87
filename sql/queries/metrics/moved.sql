-- List the movements of recurring revenue, as known at a position.
with told as (
    select e.stream, e.position, m.kind, m.at, m.currency, m.amount, m.product, m.was_product,
        m.was_amount
    from {events} e
    cross join lateral unnest(
        e.movements, e.movement_times, e.movement_currencies, e.movement_amounts,
        e.movement_products, e.movement_was_products, e.movement_was_amounts
    ) as m (kind, at, currency, amount, product, was_product, was_amount)
    where e.book = %(book)s and e.movements is not null
        and (%(known)s::bigint is null or e.position <= %(known)s)
        and e.stream <> all(%(folded)s::text[])
    union all
    select f.stream, f.position, f.kind, f.at, f.currency, f.amount, f.product, f.was_product,
        f.was_amount
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        stream text, position bigint, kind text, at timestamptz, currency text, amount bigint,
        product text, was_product text, was_amount bigint
    )
)
-- of one product, a change to or from another one is like a change of the currency
select t.stream, t.position, t.at, t.currency,
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
from told t
where %(product_id)s::text is null
    or t.product = %(product_id)s or t.was_product = %(product_id)s
