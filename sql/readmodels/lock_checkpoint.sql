-- Lock a book's checkpoint: whoever holds it may write its rows.
select position from read.checkpoint where book = %(book)s and version = %(version)s for update
