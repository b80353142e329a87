-- Get the rows in which two builds of a read model differ, of one book or of all.
select
    concat_ws(' ', {key}) as key,
    case when l.book is not null then to_jsonb(l) end as live,
    case when f.book is not null then to_jsonb(f) end as fresh
from (select * from {live} where %(book)s::text is null or book = %(book)s) l
full join (select * from {fresh} where %(book)s::text is null or book = %(book)s) f
    using (book, {key})
where row (l.*) is distinct from row (f.*)
order by book, {key}
