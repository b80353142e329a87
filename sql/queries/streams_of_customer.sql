-- Find the streams of a customer, and the position that the answer reflects.
select c.position as checkpoint, r.stream
from read.checkpoint c
left join (
    select distinct stream
    from {view}
    where book = %(book)s and store.key(book, customer_id) = store.key(%(book)s, %(customer_id)s)
        and customer_id = %(customer_id)s
        and split_part(stream, '-', 1) = any(%(categories)s)
) r on true
where c.book = %(book)s and c.version = %(version)s
