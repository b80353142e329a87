-- List a page of the runs of a book, the latest first.
select run_id, began_at, ended_at, state, head
from store.reconcile_run
where book = %(book)s and (began_at, run_id) < (%(at)s, %(last)s)
order by began_at desc, run_id desc
limit %(limit)s
