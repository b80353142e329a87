-- Delete the runs of a book beyond the last ones.
delete from store.reconcile_run
where book = %(book)s and run_id not in (
    select run_id from store.reconcile_run
    where book = %(book)s
    order by began_at desc, run_id desc
    limit %(kept)s
)
