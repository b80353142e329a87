-- Sum movements by period, currency and kind; earlier ones have no period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    nullif(currency, 'none') as currency, kind, sum(count)::bigint as count,
    coalesce(sum(amount), 0) as amount
from ({found}) m
group by 1, 2, 3
having sum(count) <> 0 or sum(amount) <> 0
