-- Begin a book that has no event yet, or take over the business that it names now.
insert into store.head (book, business_id) values (%(book)s, %(business_id)s)
on conflict (book) do update set business_id = excluded.business_id
where store.head.business_id is distinct from excluded.business_id
returning position
