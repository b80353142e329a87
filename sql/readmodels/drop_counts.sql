-- Delete counts that have come to nothing, as if they had never been.
delete from {counts} where book = %(book)s and count = 0
