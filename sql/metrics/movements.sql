-- What moved in each period, by currency and kind; what moved before the first one has no period.
select
    case when occurred_at >= %(since)s then date_trunc(%(interval)s, occurred_at, 'UTC') end as period,
    currency, moved as kind, count(*) as count, sum(mrr_to - mrr_from)::bigint as amount
from {events}
where book = %(book)s and moved is not null and occurred_at < %(until)s
group by 1, 2, 3
