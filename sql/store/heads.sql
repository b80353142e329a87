-- The end of every book, and the business that it names.
select book, position, business_id from store.head order by book
