-- Store a refused webhook.
insert into store.refusal (book, at, id, reason, headers, content_length, remote)
values (%(book)s, %(at)s, %(id)s, %(reason)s, %(headers)s, %(content_length)s, %(remote)s)
