-- Sum disputes by period, with their outcome, as known at a position.
with told as (
    select status, {date} as at, currency, amount, payment_id
    from {disputes}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select status, {date}, currency, amount, payment_id
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        status text, status_since timestamptz, created_at timestamptz, currency text, amount bigint,
        payment_id text
    )
    where {date} >= %(since)s and {date} < %(until)s
)
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as disputes, coalesce(sum(amount), 0)::bigint as amount,
    count(*) filter (where status in ('opened', 'challenged')) as open,
    count(*) filter (where status = 'won') as won,
    count(*) filter (where status in ('lost', 'accepted', 'expired')) as lost,
    count(*) filter (where status = 'cancelled') as cancelled,
    coalesce(sum(amount) filter (where status in ('lost', 'accepted', 'expired')), 0)::bigint
        as lost_amount
from told t
where (
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
