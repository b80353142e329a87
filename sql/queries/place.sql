-- Get the link at a position, the head of the book, and the read models' checkpoint.
select h.position as head, substr(h.link, 1, 4) as head_link, c.position as checkpoint,
    pg_is_in_recovery() as standby,
    (select substr(e.link, 1, 4) from store.event e
        where e.book = %(book)s and e.position = %(position)s::bigint) as link
from store.head h
left join read.checkpoint c on c.book = h.book and c.version = %(version)s
where h.book = %(book)s
