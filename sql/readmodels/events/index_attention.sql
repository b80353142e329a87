-- Events that need attention, counted by verdict and type.
create index {index} on {table} (book, verdict, type, position) where verdict not in ('applied', 'confirmed')
