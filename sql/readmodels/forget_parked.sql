-- Delete the parked streams of a build.
delete from read.parked where build = %(build)s
