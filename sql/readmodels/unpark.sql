-- Take a stream out of the parked ones.
delete from read.parked
where book = %(book)s and build = %(build)s and stream = %(stream)s
returning position
