-- Get the rows in which two builds of a read model differ.
select
    concat_ws(' ', {key}) as key,
    case when l.book is not null then to_jsonb(l) end as live,
    case when f.book is not null then to_jsonb(f) end as fresh
from {live} l full join {fresh} f using (book, {key})
where row (l.*) is distinct from row (f.*)
order by book, {key}
