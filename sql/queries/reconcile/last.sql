-- Get the last run of each book that compared all kinds, and when one last compared everything.
select distinct on (book) book, run_id, began_at, ended_at, state, head,
    max(ended_at) filter (where state in ('in_sync', 'drift')) over (partition by book)
        as succeeded_at
from store.reconcile_run
where book = any(%(books)s) and state in ('in_sync', 'drift', 'incomplete')
    -- of one kind alone it says nothing of the others
    and coalesce(head::jsonb -> 'kinds', '[]') = '[]'
order by book, began_at desc, run_id desc
