-- How many events of each book and type have a field that could not be read.
select book, type, count(*) as count
from {view}
where book = any(%(books)s) and unread is not null
group by book, type
