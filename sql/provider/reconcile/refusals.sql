-- Count the refused webhooks of a book by minute and reason.
select minute, reason, count from store.refusal_count where book = %(book)s order by minute
