-- Count disputes that await a response, by book and how soon their deadline is.
select d.book, d.due, count(*) as count
from (
    select d.book, case
        when coalesce(d.opened_at, d.created_at) + b.days * interval '1 day' <= now()
            then 'overdue'
        when coalesce(d.opened_at, d.created_at) + b.days * interval '1 day'
            <= now() + interval '2 days' then 'two_days'
        else 'later'
    end as due
    from unnest(%(books)s::text[], %(days)s::int[]) b (book, days)
    join {disputes} d on d.book = b.book and d.status = %(status)s
) d
group by d.book, d.due
