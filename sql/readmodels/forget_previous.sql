-- Forget which builds were live before.
update read.projection set previous = null where version = %(version)s
