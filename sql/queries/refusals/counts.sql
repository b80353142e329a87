-- Count recently refused webhooks by reason, of one book or of all.
select book, reason,
    coalesce(sum(count) filter (where minute > now() - interval '5 minutes'), 0)::bigint
        as last_5_minutes,
    coalesce(sum(count) filter (where minute > now() - interval '1 hour'), 0)::bigint as last_hour,
    sum(count)::bigint as last_day
from store.refusal_count
where (%(book)s::text is null or book = %(book)s) and minute > now() - interval '1 day'
group by book, reason
order by book, reason
