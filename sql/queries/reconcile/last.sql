-- Get the last run of a book that compared all kinds, and when one last compared everything.
select book, run_id, began_at, ended_at, state, head,
    max(ended_at) filter (where state in ('in_sync', 'drift')) over () as succeeded_at
from store.reconcile_run
where book = %(book)s and state in ('in_sync', 'drift', 'incomplete')
    -- of one kind alone it says nothing of the others
    and coalesce(head::jsonb -> 'kinds', '[]') = '[]'
order by began_at desc, run_id desc
limit 1
