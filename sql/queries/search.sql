-- Find resources by identifier, or customers by prefix of e-mail or name; each branch uses one index.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.*
from read.checkpoint c
left join lateral (
    -- explicit bounds: LIKE with a parameter would not use the index in a prepared plan
    with named as materialized (
        select f.customer_id, concat_ws(' ', k.name, '<' || k.email || '>') as label
        from (
            select t.term, t.customer_id
            from {search_terms} t
            where t.book = %(book)s and t.field = 'name'
                and t.term >= %(bare)s and t.term < %(bare)s || chr(1114111)
                -- once, even if several words match; as a scalar, since the planner may answer
                -- exists by reading all that begin so
                and t.term = (
                    select s.term
                    from {search_terms} s
                    where s.book = %(book)s and s.field = 'name' and s.term >= %(bare)s
                        and s.customer_id = t.customer_id
                    order by s.term
                    limit 1
                )
            order by t.term, t.customer_id
            limit %(limit)s
        ) f
        cross join lateral (
            select c.name, c.email
            from {customers} c
            where c.book = %(book)s and c.customer_id = f.customer_id
            -- one at a time: the planner may join by reading all customers
            limit 1
        ) k
        order by f.term, f.customer_id
    )
    select 'subscription' as kind, subscription_id as id, customer_id, 'subscription_id' as matched,
        concat_ws(', ', s.status, coalesce((
            select e.product_name from {events} e
            where e.book = %(book)s and e.named_product = s.product_id
            order by e.position desc
            limit 1
        ), s.product_id)) as label,
        null::bigint as amount, null as currency
    from {subscriptions} s
    where book = %(book)s and subscription_id = %(q)s
    union all
    select 'payment', payment_id, customer_id, 'payment_id',
        status, total_amount, currency
    from {payments}
    where book = %(book)s and payment_id = %(q)s
    union all
    select 'payment', payment_id, customer_id, 'invoice_id',
        status, total_amount, currency
    from {payments}
    where book = %(book)s and invoice_id = %(q)s
    union all
    select 'refund', refund_id, customer_id, 'refund_id',
        status, amount, currency
    from {refunds}
    where book = %(book)s and refund_id = %(q)s
    union all
    select 'dispute', dispute_id, customer_id, 'dispute_id',
        status, amount, currency
    from {disputes}
    where book = %(book)s and dispute_id = %(q)s
    union all
    select 'license_key', license_key_id, customer_id, 'license_key_id',
        concat_ws(', ', l.status, coalesce((
            select e.product_name from {events} e
            where e.book = %(book)s and e.named_product = l.product_id
            order by e.position desc
            limit 1
        ), l.product_id)), null, null
    from {license_keys} l
    where book = %(book)s and license_key_id = %(q)s
    union all
    select 'license_key', license_key_id, customer_id, 'key',
        concat_ws(', ', l.status, coalesce((
            select e.product_name from {events} e
            where e.book = %(book)s and e.named_product = l.product_id
            order by e.position desc
            limit 1
        ), l.product_id)), null, null
    from {license_keys} l
    where book = %(book)s and key = %(q)s
    union all
    select 'entitlement_grant', entitlement_grant_id, customer_id, 'entitlement_grant_id',
        concat_ws(', ', status, integration_type), null, null
    from {entitlement_grants}
    where book = %(book)s and entitlement_grant_id = %(q)s
    union all
    select 'entitlement_grant', entitlement_grant_id, customer_id, 'license_key',
        concat_ws(', ', status, integration_type), null, null
    from {entitlement_grants}
    where book = %(book)s and license_key = %(q)s
    union all
    select 'payout', payout_id, null, 'payout_id', status, amount, currency
    from {payouts}
    where book = %(book)s and payout_id = %(q)s
    union all
    select 'abandoned_checkout', payment_id, customer_id, 'payment_id', status, null, null
    from {checkouts}
    where book = %(book)s and payment_id = %(q)s
    union all
    select 'customer', customer_id, customer_id, 'customer_id',
        concat_ws(' ', name, '<' || email || '>'), null, null
    from {customers}
    where book = %(book)s and customer_id = %(q)s
    union all
    select 'event', e.position::text, i.customer_id, 'webhook_id', coalesce(i.type, 'not projected'),
        null, null
    from store.event e
    left join {events} i on i.book = e.book and i.position = e.position
    where e.book = %(book)s and left(e.webhook_id, 100) = left(%(q)s, 100)
        and e.webhook_id = %(q)s
    union all
    select 'customer', customer_id, customer_id, 'name', label, null, null
    from named
    union all
    (
        select 'customer', f.customer_id, f.customer_id,
            case when f.term = %(term)s then 'email' else 'email_prefix' end,
            concat_ws(' ', k.name, '<' || k.email || '>'), null, null
        from (
            select t.term, t.customer_id
            from {search_terms} t
            where t.book = %(book)s and t.field = 'email'
                and t.term >= %(term)s and t.term < %(term)s || chr(1114111)
                -- once, even if several addresses match
                and t.term = (
                    select s.term
                    from {search_terms} s
                    where s.book = %(book)s and s.field = 'email' and s.term >= %(term)s
                        and s.customer_id = t.customer_id
                    order by s.term
                    limit 1
                )
                -- all whose names match, or as many as are shown: then no address is looked at
                and not exists (select from named n where n.customer_id = t.customer_id)
            order by t.term, t.customer_id
            limit %(limit)s
        ) f
        cross join lateral (
            select c.name, c.email
            from {customers} c
            where c.book = %(book)s and c.customer_id = f.customer_id
            -- one at a time: the planner may join by reading all customers
            limit 1
        ) k
        order by f.term, f.customer_id
    )
    limit %(limit)s
) r on true
where c.book = %(book)s and c.version = %(version)s
