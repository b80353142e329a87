-- Get whether a lease is held.
select expires_at > now() as held from read.lease where name = %(name)s
