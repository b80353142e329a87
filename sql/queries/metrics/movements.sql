-- Sum movements by period, currency and kind; earlier ones have no period.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, kind, count(*) as count, sum(amount)::bigint as amount
from ({moved}) m
where at < %(until)s
group by 1, 2, 3
