-- Add rows to their counts by day, or take them out.
insert into {counts} as t (book, day, booked_by, currency, kind, count, amount, fee)
select %(book)s, day, booked_by, currency, kind, {sign} count, {sign} amount, {sign} fee
from ({by_day}) d
on conflict (book, day, booked_by, currency, kind) do update set
    count = t.count + excluded.count, amount = t.amount + excluded.amount,
    fee = t.fee + excluded.fee
