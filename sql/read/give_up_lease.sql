-- Give a lease back.
delete from read.lease where name = %(name)s and owner = %(owner)s
