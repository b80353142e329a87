-- List the columns of a view of the read models; none if the view does not exist.
select attname as name from pg_attribute
where attrelid = to_regclass(format('read.%%I', %(name)s::text)) and attnum > 0 and not attisdropped
