-- Record what a run has found.
update store.reconcile_run set state = %(state)s, ended_at = %(ended_at)s, head = %(head)s
where book = %(book)s and run_id = %(run_id)s
