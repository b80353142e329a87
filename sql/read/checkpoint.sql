-- How far one projection has come in one book.
select position as checkpoint from read.checkpoint
where book = %(book)s and name = %(name)s and version = %(version)s
