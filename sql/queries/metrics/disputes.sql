-- Sum disputes by period, with their outcome.
select (%(periods)s::timestamptz[])[width_bucket(at, %(periods)s::timestamptz[])] as period,
    nullif(currency, 'none') as currency, sum(count)::bigint as disputes,
    coalesce(sum(amount), 0) as amount,
    coalesce(sum(count) filter (where kind in ('opened', 'challenged')), 0)::bigint as open,
    coalesce(sum(count) filter (where kind = 'won'), 0)::bigint as won,
    coalesce(sum(count) filter (where kind in ('lost', 'accepted', 'expired')), 0)::bigint as lost,
    coalesce(sum(count) filter (where kind = 'cancelled'), 0)::bigint as cancelled,
    coalesce(sum(amount) filter (where kind in ('lost', 'accepted', 'expired')), 0) as lost_amount
from ({found}) c
group by 1, 2
having sum(count) <> 0
