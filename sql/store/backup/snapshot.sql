-- Get an identifier of this transaction's snapshot, in which others can read too.
select pg_export_snapshot() as snapshot
