-- Mark that a book's read models show a history that its store does not have.
update read.checkpoint set lost = true
where book = %(book)s and version = %(version)s and not lost
