-- Delete all rows of some events, and take them out of the counts by day.
with before as (
    delete from {table} where book = %(book)s and {key} = any(%(keys)s)
    returning *
),
changed as (
    select day, booked_by, currency, kind, -count as count, -amount as amount, -fee as fee
    from ({by_day}) b
),
{add_counts}
