-- Clear the previous builds of a version.
update read.projection set previous = null where version = %(version)s
