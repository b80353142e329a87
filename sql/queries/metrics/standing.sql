-- List a page of the subscriptions that recurred at a moment, the latest to move first.
select c.id, c.key, c.what, c.at, c.currency, c.amount, null::bigint as fee, c.position,
    s.customer_id, k.email, k.name
from (
    select id, key, what, at, currency, amount, position
    from (
        select substr(stream, length('subscription-') + 1) as id,
            concat_ws(' ', stream, currency) as key, null::text as what, max(at) as at, currency,
            sum(amount)::bigint as amount, max(position) as position,
            count(*) filter (where kind = any(%(came)s))
                - count(*) filter (where kind = any(%(went)s)) as standing
        from ({moved}) m
        where at < %(before)s and kind = any(%(kinds)s)
        group by stream, currency
    ) t
    where (standing <> 0 or amount <> 0)
        and (%(currency)s::text is null or coalesce(currency, 'none') = %(currency)s)
        and {conditions}
    order by at desc, key desc
    limit %(limit)s
) c
left join {subscriptions} s on s.book = %(book)s and s.subscription_id = c.id
left join {customers} k on k.book = %(book)s and k.customer_id = s.customer_id
order by c.at desc, c.key desc
