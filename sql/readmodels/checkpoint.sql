-- Get the checkpoint of a version of the read models in a book.
select position as checkpoint, substr(link, 1, 4) as checkpoint_link, lost, recorded_at
from read.checkpoint
where book = %(book)s and version = %(version)s
