-- Mark that the read models of a book show a history that its store does not have.
update read.checkpoint set lost = true
where book = %(book)s and version = %(version)s and not lost
