-- Get how far the backfill of a book has come, by kind.
select kind, progress::text as progress from store.backfill where book = %(book)s
