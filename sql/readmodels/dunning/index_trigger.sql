-- Rows of one trigger, in the order of the list.
create index {index} on {table} (book, trigger_state, created_at, dunning_id)
