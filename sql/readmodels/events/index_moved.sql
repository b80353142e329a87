-- Movements, with all columns that a sum needs.
create index {index} on {table} (book, position)
include (
    stream, movements, movement_times, movement_currencies, movement_amounts,
    movement_products, movement_was_products, movement_was_amounts
)
where movements is not null
