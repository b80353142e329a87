-- Get the rows of a book in which two builds of a read model differ.
select
    concat_ws(' ', {key}) as key,
    case when l.book is not null then to_jsonb(l) end as live,
    case when f.book is not null then to_jsonb(f) end as fresh
from (select * from {live} where book = {book}) l
full join (select * from {fresh} where book = {book}) f using (book, {key})
where row (l.*) is distinct from row (f.*)
order by {key}
