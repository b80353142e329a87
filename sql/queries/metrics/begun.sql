-- Whether a stream had begun by a position, where few events were recorded by then.
{stream} in (select k.stream from {events} k where k.book = %(book)s and k.position <= %(known)s)
