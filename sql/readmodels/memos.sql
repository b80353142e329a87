-- Get the folds of some rows, to extend them.
select {key} as key, memo from {table} where book = %(book)s and {key} = any(%(keys)s)
