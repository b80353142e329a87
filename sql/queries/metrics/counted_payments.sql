-- List the succeeded payments of some periods, as known, without checks of a payment method.
select t.payment_id as id, null::text as payment_id, t.status, t.at, t.currency,
    t.total_amount as amount, null::bigint as fee, false as is_partial, t.customer_id, t.position
from (
    select payment_id, status, {date} as at, currency, total_amount, is_update_payment_method,
        product_ids, subscription_ids, customer_id, position
    from {payments}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select payment_id, status, {date}, currency, total_amount, is_update_payment_method,
        product_ids, subscription_ids, customer_id, position
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        payment_id text, status text, status_since timestamptz, created_at timestamptz,
        currency text, total_amount bigint, is_update_payment_method boolean, product_ids text[],
        subscription_ids text[], customer_id text, position bigint
    )
    where {date} >= %(since)s and {date} < %(until)s
) t
where t.status = 'succeeded' and not t.is_update_payment_method
    and (
        %(product_id)s::text is null
        or t.product_ids @> array[%(product_id)s::text]
        -- the cart of a renewal may be empty
        or t.product_ids = '{{}}' and exists (
            select from {subscriptions} s
            where s.book = %(book)s and s.subscription_id = any(t.subscription_ids)
                and s.product_id = %(product_id)s
        )
    )
