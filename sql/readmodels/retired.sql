-- Where the previous build of a projection stood in a book.
select position from read.retired
where name = %(name)s and version = %(version)s and book = %(book)s
