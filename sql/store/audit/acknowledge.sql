-- Record up to which position the events of one verdict and type were looked at; the last one counts.
insert into store.acknowledgement (book, verdict, type, position, count, actor, who, note)
values (
    %(book)s, %(verdict)s, %(type)s, %(position)s, %(count)s, %(actor)s, %(who)s, %(note)s
)
on conflict (book, verdict, type) do update
set position = excluded.position, count = excluded.count, at = excluded.at,
    actor = excluded.actor, who = excluded.who, note = excluded.note
