-- Get the position of the previous build of a projection in a book.
select position from read.retired
where name = %(name)s and version = %(version)s and book = %(book)s
