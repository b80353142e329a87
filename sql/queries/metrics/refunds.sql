-- Sum succeeded refunds by period.
select date_trunc(%(interval)s, created_at, 'UTC') as period, currency, count(*) as refunds,
    count(*) filter (where is_partial) as partial, coalesce(sum(amount), 0)::bigint as amount
from {refunds}
where book = %(book)s and status = 'succeeded'
    and created_at >= %(since)s and created_at < %(until)s
group by 1, 2
