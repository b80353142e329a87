-- Park a stream.
insert into read.parked (book, build, stream, position, error)
values (%(book)s, %(build)s, %(stream)s, %(position)s, %(error)s)
on conflict (book, build, stream) do update set position = excluded.position, error = excluded.error
