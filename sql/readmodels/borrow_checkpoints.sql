-- Copy another version's checkpoints for borrowed rows.
insert into read.checkpoint (book, version, position, link, recorded_at, lost)
select book, %(version)s, position, link, recorded_at, lost
from read.checkpoint where version = %(older)s
on conflict (book, version) do nothing
