-- List the succeeded refunds of some periods, as known.
select t.refund_id as id, t.payment_id, t.status, t.at, t.currency, t.amount, null::bigint as fee,
    t.is_partial, t.customer_id, t.position
from (
    select refund_id, payment_id, status, {date} as at, currency, amount, is_partial, customer_id,
        position
    from {refunds}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select refund_id, payment_id, status, {date}, currency, amount, is_partial, customer_id,
        position
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        refund_id text, payment_id text, status text, status_since timestamptz,
        created_at timestamptz, currency text, amount bigint, is_partial boolean, customer_id text,
        position bigint
    )
    where {date} >= %(since)s and {date} < %(until)s
) t
where t.status = 'succeeded' and (
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
