-- List a page of the jobs of a book, the latest first, or one; with the label of the key that asked.
select j.job_id, j.kind, j.subject, j.state, j.actor, j.who, k.label, j.reason, j.request_id,
    j.asked_at, j.began_at, j.ended_at, j.outcome, j.problem
from store.job j
left join store.api_key k on j.actor = 'key' and k.book = j.book and k.id = j.who
where j.book = %(book)s and (j.asked_at, j.job_id) < (%(at)s, %(last)s)
    and (%(job_id)s::text is null or j.job_id = %(job_id)s)
order by j.asked_at desc, j.job_id desc
limit %(limit)s
