-- Move a checkpoint on; no row where it is not where the caller found it.
update read.checkpoint set position = %(position)s
where book = %(book)s and version = %(version)s and position = %(expected)s
returning position
