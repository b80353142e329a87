-- Rows of one status, the longest open first; rows of an older version have no opened_at.
create index {index} on {table} (book, status, coalesce(opened_at, created_at), dispute_id)
