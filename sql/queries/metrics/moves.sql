-- List a page of the movements that a figure is made of, the latest first, with whose they are.
select c.id, c.key, c.what, c.at, c.currency, c.amount, null::bigint as fee, c.position,
    s.customer_id, k.email, k.name,
    -- whose customer it goes by, if that changed after the position
    case when s.position > %(known)s then s.subscription_id end as owner
from (
    select id, key, what, at, currency, amount, position
    from (
        select substr(stream, length('subscription-') + 1) as id,
            concat_ws(' ', stream, position, number) as key, kind as what, at, currency, amount,
            position
        from ({moved}) m
        where at >= %(begin)s and at < %(until)s and kind = any(%(kinds)s)
    ) t
    where {in_currency}
        and {conditions}
    order by at desc, key desc
    limit %(limit)s
) c
left join {subscriptions} s on s.book = %(book)s and s.subscription_id = c.id
left join {customers} k on k.book = %(book)s and k.customer_id = s.customer_id
order by c.at desc, c.key desc
