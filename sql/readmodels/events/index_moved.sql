-- Movements, with all columns that a sum needs.
create index {index} on {table} (book)
include (movements, movement_times, movement_currencies, movement_amounts)
where movements is not null
