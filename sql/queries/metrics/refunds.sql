-- Sum succeeded refunds by period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as refunds, count(*) filter (where is_partial) as partial,
    coalesce(sum(amount), 0)::bigint as amount
from ({counted}) c
group by 1, 2
