-- List rows of some periods, as known: those that changed since are given as they were.
(
    select * from {view}
    where book = %(book)s and {column} >= %(begin)s and {column} < %(until)s
        and position <= %(known)s
    union all
    select * from jsonb_populate_recordset(null::{view}, %(rows)s::jsonb) f
    where f.{column} >= %(begin)s and f.{column} < %(until)s
)
