-- Store how a job has ended.
update store.job
set state = %(state)s, ended_at = now(), outcome = %(outcome)s, problem = %(problem)s
where book = %(book)s and job_id = %(job_id)s and state = 'running'
