-- Write rows that are counted by day, and change the counts by what changes.
with before as materialized (
    select * from {table} where book = %(book)s and {key} = any({keys})
),
written as (
    {upsert}
    returning *
),
changed as (
    select day, booked_by, currency, kind, -count as count, -amount as amount, -fee as fee
    from ({by_day_before}) b
    union all
    select day, booked_by, currency, kind, count, amount, fee from ({by_day_after}) a
),
{add_counts}
