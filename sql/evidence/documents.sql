-- Get what the provider had about some disputes when they were opened.
select dispute_id, path, media_type, fetched_at, content, problem
from store.document
where book = %(book)s and dispute_id = any(%(dispute_ids)s)
order by dispute_id, path
