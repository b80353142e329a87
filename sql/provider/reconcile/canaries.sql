-- Find some streams that the book knows, those of the latest webhooks first.
select stream
from (
    select stream, position, type <> '' as delivered
    from {events}
    where book = %(book)s and stream is not null and verdict not in ('unknown', 'unreadable', 'foreign')
        and split_part(stream, '-', 1) = any(%(kinds)s)
    order by position desc
    limit 1000
) latest
order by delivered desc, position desc
limit 50
