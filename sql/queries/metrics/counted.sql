-- List a page of what a sum is made of, the latest first, with whose it is.
select c.id, c.key, c.what, c.at, c.currency, c.amount, c.fee, c.position,
    coalesce(c.customer_id, p.customer_id) as customer_id, k.email, k.name,
    -- whose customer it goes by, if that changed after the position
    case when c.customer_id is null and p.position > %(known)s then p.payment_id end as owner
from (
    select *
    from (
        select c.id, c.id as key, c.what, c.{date} as at, c.currency, c.amount, c.fee, c.position,
            c.customer_id, c.payment_id
        from ({counted}) c
        where {condition}
    ) t
    where {in_currency}
        and {conditions}
    order by at desc, id desc
    limit %(limit)s
) c
left join {payments} p on p.book = %(book)s and p.payment_id = c.payment_id
left join {customers} k
    on k.book = %(book)s and k.customer_id = coalesce(c.customer_id, p.customer_id)
order by c.at desc, c.id desc
