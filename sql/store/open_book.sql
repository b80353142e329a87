-- Create the head of a new book, or update its business.
insert into store.head (book, business_id) values (%(book)s, %(business_id)s)
on conflict (book) do update set business_id = excluded.business_id
where store.head.business_id is distinct from excluded.business_id
returning position
