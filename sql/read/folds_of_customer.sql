-- The folds of all rows of one customer, and the position that the answer reflects.
select c.position as checkpoint, r.memo, k.stream is not null as stale
from read.checkpoint c
left join {view} r on r.book = c.book and r.customer_id = %(customer_id)s
left join read.parked k
    on k.book = c.book and k.build = 'live' and k.stream = %(category)s::text || '-' || r.{key}
where c.book = %(book)s and c.version = %(version)s
