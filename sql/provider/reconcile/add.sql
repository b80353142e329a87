-- Record a difference.
insert into store.reconcile_difference (
    book, run_id, number, kind, id, customer_id, ours, theirs, fields, cause, evidence,
    missing_types, effect, review, remedy, applied
)
values (
    %(book)s, %(run_id)s, %(number)s, %(kind)s, %(id)s, %(customer_id)s, %(ours)s, %(theirs)s,
    %(fields)s, %(cause)s, %(evidence)s, %(missing_types)s, %(effect)s, %(review)s, %(remedy)s,
    %(applied)s
)
