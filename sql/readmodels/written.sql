-- List the rows of some keys.
(select * from {table} where book = %(book)s and {key} = any(%(keys)s))
