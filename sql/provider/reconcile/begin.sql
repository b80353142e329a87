-- Record that a run has begun.
insert into store.reconcile_run (book, run_id, began_at, state, head)
values (%(book)s, %(run_id)s, %(began_at)s, 'running', %(head)s)
