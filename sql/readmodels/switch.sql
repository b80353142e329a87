-- Make a build the live one.
update read.projection set previous = live, live = %(generation)s
where name = %(name)s and version = %(version)s
