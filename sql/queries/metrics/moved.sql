-- List the movements of recurring revenue, as known at a position.
with told as (
    -- by number: to unnest seven arrays of, as a rule, one movement takes three times as long
    select e.stream, e.position, m.kind, e.movement_times[m.n] as at,
        e.movement_currencies[m.n] as currency, e.movement_amounts[m.n] as amount,
        e.movement_products[m.n] as product, e.movement_was_products[m.n] as was_product,
        e.movement_was_amounts[m.n] as was_amount
    from {events} e
    cross join lateral unnest(e.movements) with ordinality as m (kind, n)
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
