-- Delete the differences of runs that are no longer kept.
delete from store.reconcile_difference d
where d.book = %(book)s and not exists (
    select from store.reconcile_run r where r.book = %(book)s and r.run_id = d.run_id
)
