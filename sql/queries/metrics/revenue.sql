-- Sum succeeded payments by period, as known at a position, without checks of a payment method.
with told as (
    select status, {date} as at, currency, total_amount, is_update_payment_method, product_ids,
        subscription_ids
    from {payments}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select status, {date}, currency, total_amount, is_update_payment_method, product_ids,
        subscription_ids
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        status text, status_since timestamptz, created_at timestamptz, currency text,
        total_amount bigint, is_update_payment_method boolean, product_ids text[],
        subscription_ids text[]
    )
    where {date} >= %(since)s and {date} < %(until)s
)
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as payments, coalesce(sum(total_amount), 0)::bigint as amount
from told t
where status = 'succeeded' and not is_update_payment_method
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
group by 1, 2
