-- Count refused webhooks of a book by minute or hour.
select date_trunc(%(unit)s, minute) as at, sum(count)::bigint as count
from store.refusal_count
where book = %(book)s and minute >= %(since)s
group by 1
order by 1
