-- List the resources of some statuses, in the order of their ids.
select {key} as id
from {view}
where book = %(book)s and status = any(%(statuses)s) and {key} > %(after)s
order by {key}
limit %(limit)s
