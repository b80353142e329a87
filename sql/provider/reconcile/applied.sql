-- Mark the differences of a run that were recorded in the book.
update store.reconcile_difference set applied = true
where book = %(book)s and run_id = %(run_id)s and kind || '-' || id = any(%(names)s)
