-- List the triggers of a table that a person made.
select tgname as name from pg_trigger where tgrelid = %(table)s::regclass and not tgisinternal
