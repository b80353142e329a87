-- Get the names of a book's parked streams in one build.
select stream from read.parked where build = %(build)s and book = %(book)s
