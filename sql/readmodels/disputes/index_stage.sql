-- Rows of one stage, in the order of the list.
create index {index} on {table} (book, dispute_stage, created_at, dispute_id)
