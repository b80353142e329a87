-- Sum payouts that arrived by period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    nullif(currency, 'none') as currency, sum(count)::bigint as payouts,
    coalesce(sum(amount), 0) as amount, coalesce(sum(fee), 0) as fee
from ({found}) c
group by 1, 2
having sum(count) <> 0
