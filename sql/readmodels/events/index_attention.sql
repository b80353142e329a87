-- What needs attention, and how much of it there is by verdict and type.
create index {index} on {table} (book, verdict, type, position) where verdict not in ('applied', 'confirmed')
