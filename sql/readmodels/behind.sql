-- Check whether the read models of a book lack events or show lost ones, and get its business.
select h.business_id, h.position, c.position as checkpoint, h.position > c.position as behind,
    c.position = 0 or coalesce(c.link = case
        when c.position = h.position then h.link
        else (select e.link from store.event e where e.book = %(book)s and e.position = c.position)
    end, false) as known
from store.head h
join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s
