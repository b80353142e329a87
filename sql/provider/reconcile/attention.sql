-- List the streams whose verdict needs attention and that were not read at the provider since.
select distinct e.stream as id
from {events} e
where e.book = %(book)s and e.verdict not in ('applied', 'confirmed') and e.type <> ''
    and split_part(e.stream, '-', 1) = %(category)s and e.stream > %(after)s
    and not exists (
        select from {events} later
        where store.key(later.book, later.stream) = store.key(%(book)s, e.stream)
            and later.stream = e.stream and later.book = %(book)s
            and later.position > e.position and later.type = ''
    )
order by id
limit %(limit)s
