-- List payments as they were known: those that changed since are given as they were.
(
    select * from {payments} where book = %(book)s and position <= %(known)s
    union all
    select * from jsonb_populate_recordset(null::{payments}, %(paid)s::jsonb)
)
