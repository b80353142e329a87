-- Count the disputes of one status, and those opened up to two moments; no more than so many.
select count(*) as count,
    count(*) filter (where opened_at <= %(late)s) as late,
    count(*) filter (where opened_at <= %(close)s) as close
from (
    select coalesce(opened_at, created_at) as opened_at
    from {disputes}
    where book = %(book)s and status = %(status)s
    order by coalesce(opened_at, created_at), dispute_id
    limit %(most)s
) d
