-- List the rows of the days that two periods share.
(
    select r.*
    from unnest(%(shared)s::timestamptz[]) d (day)
    join {view} r
        on r.book = %(book)s and r.{column} >= d.day and r.{column} < d.day + interval '24 hours'
)
