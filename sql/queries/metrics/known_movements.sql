-- List the movements that were known: those of the streams that are folded again as they were.
(
    select * from {movements}
    where book = %(book)s and position <= %(known)s and stream <> all(%(folded)s::text[])
    union all
    select * from jsonb_populate_recordset(null::{movements}, %(rows)s::jsonb)
)
