-- The rows in which two builds of a read model differ.
select
    coalesce(l.{key}, f.{key})::text as key,
    case when l.book is not null then to_jsonb(l) end as live,
    case when f.book is not null then to_jsonb(f) end as fresh
from {live} l full join {fresh} f on f.book = l.book and f.{key} = l.{key}
where row (l.*) is distinct from row (f.*)
order by coalesce(l.book, f.book), coalesce(l.{key}, f.{key})
