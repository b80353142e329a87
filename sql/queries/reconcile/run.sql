-- Get one run.
select run_id, began_at, ended_at, state, head
from store.reconcile_run
where book = %(book)s and run_id = %(run_id)s
