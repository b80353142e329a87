-- Add refused webhooks to the count of a minute.
insert into store.refusal_count (book, minute, reason, count)
values (%(book)s, %(minute)s, %(reason)s, %(count)s)
on conflict (book, minute, reason) do update
set count = store.refusal_count.count + excluded.count
