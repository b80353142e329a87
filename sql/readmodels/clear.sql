-- Delete all rows of some events.
delete from {table} where book = %(book)s and {key} = any(%(keys)s)
