-- All of one currency, in the order of the list.
create index on {table} (book, currency, created_at, payout_id)
