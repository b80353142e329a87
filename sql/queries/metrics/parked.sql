-- Get from where on some streams are not folded.
select stream, position
from read.parked
where build = %(build)s and book = %(book)s and stream = any(%(streams)s)
