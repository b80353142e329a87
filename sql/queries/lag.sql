-- Get the greatest lag of a book's read models by minute or hour.
select date_trunc(%(unit)s, minute) as at, max(seconds) as seconds
from store.lag
where book = %(book)s and minute >= %(since)s
group by 1
order by 1
