-- How far the read models of a version have come in one book.
select position as checkpoint, substr(link, 1, 4) as checkpoint_link, lost, recorded_at
from read.checkpoint
where book = %(book)s and version = %(version)s
