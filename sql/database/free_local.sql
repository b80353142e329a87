-- Free what a table held before it was distributed: those rows are on the nodes now.
select truncate_local_data_after_distributing_table(%(table)s::regclass)
