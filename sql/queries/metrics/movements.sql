-- Sum movements by period, currency and kind; earlier movements have no period.
select
    case when m.at >= %(since)s then date_trunc(%(interval)s, m.at, 'UTC') end as period,
    m.currency, m.kind, count(*) as count, sum(m.amount)::bigint as amount
from {events} e
cross join lateral unnest(
    e.movements, e.movement_times, e.movement_currencies, e.movement_amounts
) as m (kind, at, currency, amount)
where e.book = %(book)s and e.movements is not null and m.at < %(until)s
group by 1, 2, 3
