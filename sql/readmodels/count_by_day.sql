-- Count rows by day, under each of their dates.
select date_trunc('day', d.at, 'UTC') as day, d.booked_by, coalesce(c.currency, 'none') as currency, c.kind,
    count(*) as count, coalesce(sum(c.amount), 0) as amount, coalesce(sum(c.fee), 0) as fee
from ({counted}) c
cross join lateral (
    values ('created_at', c.created_at), ('status_since', c.status_since)
) d (booked_by, at)
where d.at is not null
group by 1, 2, 3, 4
