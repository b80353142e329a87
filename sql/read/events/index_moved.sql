-- What moved, with all that a sum needs; nothing moves before its event happened.
create index {index} on {table} (book, occurred_at)
include (movements, movement_times, movement_currencies, movement_amounts)
where movements is not null
