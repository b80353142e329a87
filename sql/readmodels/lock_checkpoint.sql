-- Lock a book's checkpoint: only its holder may write the book's rows.
select position from read.checkpoint where book = %(book)s and version = %(version)s for update
