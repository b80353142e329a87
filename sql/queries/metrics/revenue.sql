-- Sum succeeded payments by period, without checks of a new payment method.
select date_trunc(%(interval)s, created_at, 'UTC') as period, currency, count(*) as payments,
    coalesce(sum(total_amount), 0)::bigint as amount
from {payments}
where book = %(book)s and status = 'succeeded' and not is_update_payment_method
    and created_at >= %(since)s and created_at < %(until)s
group by 1, 2
