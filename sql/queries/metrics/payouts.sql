-- Sum payouts that arrived by period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as payouts, coalesce(sum(amount), 0)::bigint as amount,
    coalesce(sum(fee), 0)::bigint as fee
from ({counted}) c
group by 1, 2
