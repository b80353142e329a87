-- Count events with verdicts that need attention, by book and verdict.
select book, verdict, count(*) as count
from {view}
where book = any(%(books)s) and verdict not in ('applied', 'confirmed')
    -- a reading at the provider tells what no event told: nothing is left to do
    and not (verdict = 'inferred' and type = '')
group by book, verdict
