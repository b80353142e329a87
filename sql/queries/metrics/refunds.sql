-- Sum succeeded refunds by period, as known at a position.
with told as (
    select status, {date} as at, currency, amount, is_partial, payment_id
    from {refunds}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select status, {date}, currency, amount, is_partial, payment_id
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        status text, status_since timestamptz, created_at timestamptz, currency text,
        amount bigint, is_partial boolean, payment_id text
    )
    where {date} >= %(since)s and {date} < %(until)s
)
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as refunds, count(*) filter (where is_partial) as partial,
    coalesce(sum(amount), 0)::bigint as amount
from told t
where status = 'succeeded' and (
        %(product_id)s::text is null
        or exists (
            select from {payments} p
            where p.book = %(book)s and p.payment_id = t.payment_id and (
                p.product_ids @> array[%(product_id)s::text]
                -- the cart of a renewal may be empty
                or p.product_ids = '{{}}' and exists (
                    select from {subscriptions} s
                    where s.book = %(book)s and s.subscription_id = any(p.subscription_ids)
                        and s.product_id = %(product_id)s
                )
            )
        )
    )
group by 1, 2
