-- Get the current statuses of some resources of one kind.
select {key} as id, status from {view} where book = %(book)s and {key} = any(%(ids)s)
