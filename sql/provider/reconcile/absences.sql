-- List the resources of a book that the provider did not have.
select kind, id, first_at from store.reconcile_absence where book = %(book)s
