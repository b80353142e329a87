-- Count the disputes of a book that await a response, by how soon their deadline is.
select d.due, count(*) as count
from (
    select case
        when coalesce(opened_at, created_at) + %(days)s * interval '1 day' <= now()
            then 'overdue'
        when coalesce(opened_at, created_at) + %(days)s * interval '1 day'
            <= now() + interval '2 days' then 'two_days'
        else 'later'
    end as due
    from {disputes}
    where book = %(book)s and status = %(status)s
) d
group by d.due
