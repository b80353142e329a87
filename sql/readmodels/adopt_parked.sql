-- Make the parked streams of a new build the live ones.
update read.parked set build = 'live' where build = %(build)s
