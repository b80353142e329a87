-- The folds of some rows, to be extended.
select {key} as key, memo from {table} where book = %(book)s and {key} = any(%(keys)s)
