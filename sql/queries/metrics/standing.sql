-- List a page of the subscriptions that recurred at a moment, the latest to move first.
select c.id, c.key, c.what, c.at, c.currency, c.amount, null::bigint as fee, c.position,
    s.customer_id, k.email, k.name,
    -- whose customer it goes by, if that changed after the position
    case when s.position > %(known)s then s.subscription_id end as owner
from (
    select id, key, null::text as what, at, currency, amount, position
    from (
        select substr(m.stream, length('subscription-') + 1) as id,
            concat_ws(' ', m.stream, m.currency) as key, m.at, m.currency, s.amount, s.position,
            s.standing
        from ({moved}) m
        cross join lateral (
            select sum(o.amount) as amount, max(o.position) as position,
                count(*) filter (where o.kind = any(%(came)s))
                    - count(*) filter (where o.kind = any(%(went)s)) as standing
            from ({moved_with}) o
            where o.at < %(before)s and o.kind = any(%(kinds)s)
        ) s
        where m.at < %(before)s and m.kind = any(%(kinds)s)
            and {in_currency}
            -- one row a subscription: its last movement
            and not exists (
                select from ({moved_with}) o
                where o.at < %(before)s and o.kind = any(%(kinds)s)
                    and (o.at, o.position, o.number) > (m.at, m.position, m.number)
            )
    ) t
    where (standing <> 0 or amount <> 0) and {conditions}
    order by at desc, key desc
    limit %(limit)s
) c
left join {subscriptions} s on s.book = %(book)s and s.subscription_id = c.id
left join {customers} k on k.book = %(book)s and k.customer_id = s.customer_id
order by c.at desc, c.key desc
