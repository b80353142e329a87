-- Where the borrowed rows stand.
insert into read.checkpoint (book, version, position)
select book, %(version)s, position from read.checkpoint where version = %(older)s
on conflict (book, version) do nothing
