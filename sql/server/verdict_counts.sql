-- Count events with verdicts that need attention, by book and verdict.
select book, verdict, count(*) as count
from {view}
where book = any(%(books)s) and verdict not in ('applied', 'confirmed')
group by book, verdict
