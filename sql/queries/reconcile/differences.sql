-- List a page of the differences of a run, in the order in which they were found.
select number, kind, id, customer_id, ours, theirs, fields, cause, evidence, missing_types, effect,
    review, remedy, applied
from store.reconcile_difference
where book = %(book)s and run_id = %(run_id)s and number > %(after)s
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(cause)s::text is null or cause = %(cause)s)
    and (%(effect)s::text is null or effect = %(effect)s)
order by number
limit %(limit)s
