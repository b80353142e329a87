-- Rows by their last change of status.
create index {index} on {table} (book, status_since, payout_id)
