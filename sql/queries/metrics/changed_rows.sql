-- List the rows that changed after a position.
(select * from {view} where book = %(book)s and position > %(known)s)
