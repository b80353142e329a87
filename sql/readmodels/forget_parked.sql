-- Forget the parked streams of one build.
delete from read.parked where build = %(build)s
