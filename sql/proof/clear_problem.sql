-- Forget a problem that is over.
delete from store.proof_problem where book = %(book)s and anchor = %(anchor)s
