-- Count the events of one verdict and type up to a position.
select c.position as checkpoint, substr(c.link, 1, 4) as checkpoint_link, c.lost,
    (
        select count(*)
        from {view} i
        where i.book = %(book)s and i.verdict = %(verdict)s and i.type = %(type)s
            and i.verdict not in ('applied', 'confirmed')
            and not (i.verdict = 'inferred' and i.type = '') and i.position <= %(until)s
    ) as count
from read.checkpoint c
where c.book = %(book)s and c.version = %(version)s
