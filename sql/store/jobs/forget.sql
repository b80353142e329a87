-- Delete all but the latest jobs of a book.
delete from store.job
where book = %(book)s and state not in ('queued', 'running') and (asked_at, job_id) < (
    select asked_at, job_id from store.job where book = %(book)s
    order by asked_at desc, job_id desc
    offset %(kept)s limit 1
)
