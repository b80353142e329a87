-- How many events of each book got one of these verdicts.
select book, verdict, count(*) as count
from {view}
where book = any(%(books)s) and verdict = any(%(verdicts)s)
group by book, verdict
