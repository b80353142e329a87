-- List active subscriptions whose renewal has not come, the longest overdue first, with the customer.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    r.*, k.email, k.name
from read.checkpoint c
left join lateral (
    select s.subscription_id, s.status, s.customer_id, s.product_id,
        s.recurring_pre_tax_amount, s.currency, s.next_billing_date, s.position as event
    from {subscriptions} s
    where s.book = %(book)s and s.status = 'active' and not s.cancel_at_next_billing_date
        and s.next_billing_date < %(until)s
        and (%(product_id)s::text is null or s.product_id = %(product_id)s)
        and (
            %(after_id)s::text is null
            or (s.next_billing_date, s.subscription_id) > (%(after)s, %(after_id)s)
        )
    order by s.next_billing_date, s.subscription_id
    limit %(limit)s
) r on true
left join {customers} k on k.book = %(book)s and k.customer_id = r.customer_id
where c.book = %(book)s and c.version = %(version)s
order by r.next_billing_date, r.subscription_id
