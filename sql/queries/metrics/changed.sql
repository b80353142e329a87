-- List resources that may have counted in some periods, and changed after a position.
select r.{key} as id
from {view} r
where r.book = %(book)s and r.position > %(known)s and r.created_at < %(until)s and {begun}
    and (%(begin)s::timestamptz is null or r.created_at >= %(begin)s)
union
-- those whose date was another one
select r.{key}
from {events} e
join {view} r on r.book = %(book)s and r.{key} = substr(e.stream, length(%(category)s) + 2)
where e.book = %(book)s and e.position <= %(known)s and e.retold
    and not starts_with(e.stream, 'subscription-') and starts_with(e.stream, %(category)s || '-')
    and r.position > %(known)s
limit %(most)s
