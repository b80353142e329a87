-- Find resources by identifier, or customers by prefix of e-mail or name; each branch uses one index.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.*
from read.checkpoint c
left join lateral (
    with named as materialized ({by_name})
    select 'subscription' as kind, subscription_id as id, customer_id, 'subscription_id' as matched,
        concat_ws(', ', s.status, coalesce(({of_subscription}), s.product_id)) as label,
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
        concat_ws(', ', l.status, coalesce(({of_license_key}), l.product_id)), null, null
    from {license_keys} l
    where book = %(book)s and license_key_id = %(q)s
    union all
    select 'license_key', license_key_id, customer_id, 'key',
        concat_ws(', ', l.status, coalesce(({of_license_key}), l.product_id)), null, null
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
    -- as many names as are shown: then no address is looked at
    (
        select 'customer', f.customer_id, f.customer_id,
            case when f.term = %(term)s then 'email' else 'email_prefix' end, f.label, null, null
        from ({by_email}) f
        where not exists (select from named n where n.customer_id = f.customer_id)
        order by f.term, f.customer_id
    )
    limit %(limit)s
) r on true
where c.book = %(book)s and c.version = %(version)s
