-- List rows of some periods.
(
    select * from {view}
    where book = %(book)s and {column} >= %(begin)s and {column} < %(until)s
)
