-- Compare the checkpoint of a book's read models with its head, and get the running rebuild.
select
    h.position as head,
    (select e.recorded_at from store.event e
        where e.book = %(book)s and e.position = %(checkpoint)s + 1) as oldest,
    (select array_agg(p.name) from read.projection p
        where p.version = %(version)s and p.live is not null) as live,
    (select count(*) from read.parked k where k.book = %(book)s and k.build = 'live') as parked,
    l.name is not null as running, l.doing, l.done, l.total
from store.head h
left join read.lease l on l.name = %(lease)s and l.expires_at > now()
where h.book = %(book)s
