-- Add what changed to counts by day; those that come to nothing are deleted, as if never made.
added as (
    select %(book)s::text as book, day, booked_by, currency, kind, sum(count)::bigint as count,
        sum(amount) as amount, sum(fee) as fee
    from changed
    group by day, booked_by, currency, kind
    having sum(count) <> 0 or sum(amount) <> 0 or sum(fee) <> 0
),
deleted as (
    delete from {counts} t
    using added a
    where t.book = %(book)s and t.day = a.day and t.booked_by = a.booked_by
        and t.currency = a.currency and t.kind = a.kind and t.count + a.count = 0
)
insert into {counts} as t (book, day, booked_by, currency, kind, count, amount, fee)
select a.*
from added a
where not exists (
    select from {counts} t
    where t.book = %(book)s and t.day = a.day and t.booked_by = a.booked_by
        and t.currency = a.currency and t.kind = a.kind and t.count + a.count = 0
)
on conflict (book, day, booked_by, currency, kind) do update set
    count = t.count + excluded.count, amount = t.amount + excluded.amount,
    fee = t.fee + excluded.fee
