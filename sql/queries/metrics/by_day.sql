-- Count by whole days, and by rows on days that two periods share; what changed since is replaced.
select day as at, currency, kind, count, amount, fee
from {counts}
where book = %(book)s and booked_by = %(booked_by)s and day >= %(begin)s and day < %(until)s
    and day <> all(%(shared)s::timestamptz[])
union all
select {date}, coalesce(currency, 'none'), kind, 1, amount, fee from ({shared}) s
where {date} >= %(begin)s and {date} < %(until)s
union all
select {date}, coalesce(currency, 'none'), kind, -1, -amount, -fee from ({changed}) c
where {date} >= %(begin)s and {date} < %(until)s
union all
select {date}, coalesce(currency, 'none'), kind, 1, amount, fee from ({folded}) f
where {date} >= %(begin)s and {date} < %(until)s
