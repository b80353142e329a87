-- Distribute a table by a column, where the rows of another table with the same value are; with what it has.
select create_distributed_table(
    %(table)s::regclass, %(column)s::text, colocate_with => %(near)s::text
)
