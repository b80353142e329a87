-- What moved, in the order of the world, with all that a sum needs.
create index on {table} (book, occurred_at) include (kind, currency, mrr_from, mrr_to)
where kind is not null
