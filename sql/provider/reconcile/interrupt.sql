-- Mark the runs of a book that did not end: their process has, since only one runs at a time.
update store.reconcile_run set state = 'interrupted'
where book = %(book)s and state = 'running'
