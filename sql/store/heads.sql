-- Get the head and the business of every book.
select book, position, business_id from store.head order by book
