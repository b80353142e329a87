-- Forget that the provider did not have a resource: it has it.
delete from store.reconcile_absence where book = %(book)s and kind = %(kind)s and id = %(id)s
