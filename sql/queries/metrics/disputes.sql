-- Sum disputes by period, with their outcome.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    currency, count(*) as disputes, coalesce(sum(amount), 0)::bigint as amount,
    count(*) filter (where status in ('opened', 'challenged')) as open,
    count(*) filter (where status = 'won') as won,
    count(*) filter (where status in ('lost', 'accepted', 'expired')) as lost,
    count(*) filter (where status = 'cancelled') as cancelled,
    coalesce(sum(amount) filter (where status in ('lost', 'accepted', 'expired')), 0)::bigint
        as lost_amount
from ({counted}) c
group by 1, 2
