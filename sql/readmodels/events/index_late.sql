-- Events that were recorded late.
create index {index} on {table} (book, position) where late
