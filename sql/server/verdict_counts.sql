-- How many events of each book got each of the verdicts that need attention.
select book, verdict, count(*) as count
from {view}
where book = any(%(books)s) and verdict not in ('applied', 'confirmed')
group by book, verdict
