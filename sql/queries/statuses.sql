-- The statuses of some resources of one kind, as they are known now.
select {key} as id, status from {view} where book = %(book)s and {key} = any(%(ids)s)
