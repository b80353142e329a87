-- Keep a whole table on every node.
select create_reference_table(%(table)s::regclass)
