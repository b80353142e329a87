-- Count events with an unreadable field, by book and type.
select book, type, count(*) as count
from {view}
where book = any(%(books)s) and unread is not null
group by book, type
