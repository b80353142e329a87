-- Lock a book's checkpoints: whoever holds them may write its rows.
select name, version, position from read.checkpoint where book = %(book)s for update
