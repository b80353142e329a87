-- List resources that count in some periods and changed after a position: what they were is folded.
select r.{key} as id
from {view} r
where r.book = %(book)s and r.position > %(known)s and r.created_at < %(until)s
    and (%(begin)s::timestamptz is null or r.created_at >= %(begin)s)
limit %(most)s
