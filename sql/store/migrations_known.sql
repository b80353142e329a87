-- The migrations that were applied.
select name from public.daybook_migration
