-- List the movements after a position, and all of the streams that are folded again.
(
    select * from {view} where book = %(book)s and position > %(known)s
    union all
    select r.*
    from unnest(%(folded)s::text[]) f (stream)
    join {view} r
        on r.book = %(book)s and store.key(r.book, r.stream) = store.key(%(book)s, f.stream)
            and r.stream = f.stream and r.position <= %(known)s
)
