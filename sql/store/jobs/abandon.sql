-- End the jobs whose process is gone, and those that no process took for an hour.
update store.job j set state = 'interrupted', ended_at = now(),
    problem = case when j.state = 'queued' then 'No process took it within an hour.'
        else 'The process that did it has ended.' end
where (
    j.state = 'running'
    -- it has a lease a moment after it begins
    and j.began_at < now() - interval '10 seconds'
    and not exists (
        select from read.lease l where l.name = 'job ' || j.job_id and l.expires_at > now()
    )
) or (j.state = 'queued' and j.asked_at < now() - interval '1 hour')
