-- Get the links of a range of positions, in order.
select position, link
from store.event
where book = %(book)s and position > %(first)s and position <= %(last)s
order by position
