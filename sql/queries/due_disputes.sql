-- List disputes of one status, the longest open first, with payment, payer and product.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.*, p.payment_id, p.status as payment_status, p.total_amount,
    p.currency as payment_currency, p.created_at as paid_at, p.refund_status, p.subscription_ids,
    e.body, k.customer_id, k.email, k.name
from read.checkpoint c
left join lateral (
    select d.dispute_id, d.status, d.dispute_stage, d.amount, d.currency, d.created_at,
        coalesce(d.opened_at, d.created_at) as opened_at,
        d.position, d.payment_id as disputed, d.customer_id as named
    from {disputes} d
    where d.book = %(book)s and d.status = %(status)s
        and (%(dispute_stage)s::text is null or d.dispute_stage = %(dispute_stage)s)
        and (%(currency)s::text is null or d.currency = %(currency)s)
        and (%(amount_gte)s::bigint is null or d.amount >= %(amount_gte)s)
        and (%(amount_lte)s::bigint is null or d.amount <= %(amount_lte)s)
        and (%(created_at_gte)s::timestamptz is null or d.created_at >= %(created_at_gte)s)
        and (%(created_at_lte)s::timestamptz is null or d.created_at <= %(created_at_lte)s)
        and (
            %(after)s::text is null
            or (coalesce(d.opened_at, d.created_at), d.dispute_id) > (
                select coalesce(opened_at, created_at), dispute_id from {disputes}
                where book = %(book)s and dispute_id = %(after)s
            )
        )
    order by coalesce(d.opened_at, d.created_at), d.dispute_id
    limit %(limit)s
) r on true
left join {payments} p on p.book = %(book)s and p.payment_id = r.disputed
left join store.event e on e.book = %(book)s and e.position = p.snapshot_position
left join {customers} k on k.book = %(book)s and k.customer_id = coalesce(r.named, p.customer_id)
where c.book = %(book)s and c.version = %(version)s
order by r.opened_at, r.dispute_id
