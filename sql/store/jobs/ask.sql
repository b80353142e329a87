-- Store a job to be done, unless one of its lane waits or runs.
insert into store.job (book, job_id, kind, lane, subject, actor, who, reason, request_id)
values (
    %(book)s, %(job_id)s, %(kind)s, %(lane)s, %(subject)s, %(actor)s, %(who)s, %(reason)s,
    %(request_id)s
)
on conflict (lane) where state in ('queued', 'running') do nothing
returning job_id
