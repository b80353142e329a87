-- List a page of what was done to a book, the latest first, with the label of the key that did it.
select a.audit_id, a.at, a.action, a.actor, a.who, k.label, a.subject, a.reason, a.request_id
from store.audit a
left join store.api_key k on a.actor = 'key' and k.book = a.book and k.id = a.who
where a.book = %(book)s and (a.at, a.audit_id) < (%(before)s, %(last)s)
    and (%(action)s::text is null or a.action = %(action)s)
    and (%(who)s::text is null or a.who = %(who)s)
    and (%(subject)s::text is null or a.subject = %(subject)s)
    and (%(since)s::timestamptz is null or a.at >= %(since)s)
    and (%(until)s::timestamptz is null or a.at <= %(until)s)
order by a.at desc, a.audit_id desc
limit %(limit)s
