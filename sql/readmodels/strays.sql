-- List the books whose read models show lost events: the store was restored without them.
select h.book, c.position as checkpoint, h.position as head
from store.head h
join read.checkpoint c on c.book = h.book and c.version = %(version)s
where c.position > 0 and not coalesce(c.link = case
    when c.position = h.position then h.link
    else (select e.link from store.event e where e.book = h.book and e.position = c.position)
end, false)
order by h.book
