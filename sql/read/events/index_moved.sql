-- What moved, in the order of the world, with all that a sum needs.
create index {index} on {table} (book, occurred_at) include (moved, currency, mrr_from, mrr_to)
where moved is not null
