-- Forget what one build has set aside.
delete from read.parked where build = %(build)s
