-- Forget the builds that could be gone back to.
update read.projection set previous = null where version = %(version)s
