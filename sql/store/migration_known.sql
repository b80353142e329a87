-- Whether a migration was applied.
select 1 from public.daybook_migration where name = %(name)s
