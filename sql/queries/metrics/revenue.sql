-- Sum succeeded payments by period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    nullif(currency, 'none') as currency, sum(count)::bigint as payments,
    coalesce(sum(amount), 0) as amount
from ({found}) c
group by 1, 2
having sum(count) <> 0
