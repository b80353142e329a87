-- What was recorded late.
create index on {table} (book, position) where late
