-- What the new build has set aside is now what is set aside.
update read.parked set build = 'live' where build = %(build)s
