-- Sum succeeded payments by period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as payments, coalesce(sum(amount), 0)::bigint as amount
from ({counted}) c
group by 1, 2
