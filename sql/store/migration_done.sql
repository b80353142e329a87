-- Remember that a migration was applied.
insert into public.daybook_migration (name) values (%(name)s)
