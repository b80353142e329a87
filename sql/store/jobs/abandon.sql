-- End the jobs whose process is gone, and those that no process took.
update store.job j set state = 'interrupted', ended_at = now(),
    problem = case when j.state = 'queued'
            then 'No process took it. If the book or its API key is new, restart the service.'
        else 'The process that did it has ended.' end
where (
    j.state = 'running'
    -- it has a lease a moment after it begins
    and j.began_at < now() - interval '10 seconds'
    and not exists (
        select from read.lease l where l.name = 'job ' || j.job_id and l.expires_at > now()
    )
) -- comparisons of other books may go first; of rebuilds none waits for another
or (j.state = 'queued' and j.asked_at < now()
    - case when j.kind in ('compare', 'apply') then interval '1 hour' else interval '2 minutes' end)
