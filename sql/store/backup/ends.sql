-- Get the end of each book.
select book, position, encode(link, 'hex') as link from store.head order by book
