-- The end of every book.
select book, position from store.head order by book
