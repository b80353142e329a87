-- Get the latest delivery after a position beyond a number of the latest ones.
select position
from store.event
where book = %(book)s and position > %(after)s and source <> 'api'
order by position desc
offset %(most)s
limit 1
