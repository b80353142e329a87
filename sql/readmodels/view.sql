-- Point a view at another table, in the transaction that moves the checkpoints.
create or replace view {view} as select * from {table}
