-- Count by whole days, without those that two periods share.
select day as at, currency, kind, count, amount, fee
from {counts}
where book = %(book)s and booked_by = %(booked_by)s and {begun} and day < %(until)s
    and day <> all(%(shared)s::timestamptz[])
