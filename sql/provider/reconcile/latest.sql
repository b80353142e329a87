-- Get the last run of a book that was to compare all kinds.
select began_at, state
from store.reconcile_run
where book = %(book)s and coalesce(head::jsonb -> 'kinds', '[]') = '[]'
order by began_at desc, run_id desc
limit 1
