-- Take the oldest job of these kinds and books that waits; only one process gets it.
update store.job set state = 'running', began_at = now()
where (book, job_id) = (
    select book, job_id
    from store.job
    where state = 'queued' and kind = any(%(kinds)s) and book = any(%(books)s)
    order by asked_at
    limit 1
    for update skip locked
)
returning book, job_id, kind, subject, actor, who, reason, request_id
