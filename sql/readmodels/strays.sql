-- Get how far the read models of a book show lost events: its store was restored without them.
select c.position as checkpoint, h.position as head
from store.head h
join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s and c.position > 0 and not coalesce(c.link = case
    when c.position = h.position then h.link
    else (select e.link from store.event e where e.book = %(book)s and e.position = c.position)
end, false)
