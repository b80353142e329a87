-- The folds of all rows of one customer, and the position that the answer reflects.
select c.position as checkpoint, r.memo
from read.checkpoint c
left join {view} r on r.book = c.book and r.customer_id = %(customer_id)s
where c.book = %(book)s and c.version = %(version)s
