-- List a page of the latest refused webhooks of a book, newest first.
select at, id, reason, headers, content_length, remote
from store.refusal
where book = %(book)s and (at, id) < (%(at)s, %(last)s)
order by at desc, id desc
limit %(limit)s
