-- Delete all but the latest refused webhooks of a book.
delete from store.refusal
where book = %(book)s and (at, id) <= (
    select at, id from store.refusal
    where book = %(book)s
    order by at desc, id desc
    offset %(kept)s limit 1
)
