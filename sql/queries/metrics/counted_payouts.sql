-- List the payouts of some periods that arrived, as known; they belong to no product.
select t.payout_id as id, null::text as payment_id, t.status, t.at, t.currency, t.amount, t.fee,
    false as is_partial, null::text as customer_id, t.position
from (
    select payout_id, status, {date} as at, currency, amount, fee, position
    from {payouts}
    where book = %(book)s and {date} >= %(since)s and {date} < %(until)s
        and (%(known)s::bigint is null or position <= %(known)s)
    union all
    select payout_id, status, {date}, currency, amount, fee, position
    from jsonb_to_recordset(%(rows)s::jsonb) as f (
        payout_id text, status text, status_since timestamptz, created_at timestamptz,
        currency text, amount bigint, fee bigint, position bigint
    )
    where {date} >= %(since)s and {date} < %(until)s
) t
where t.status = 'success'
