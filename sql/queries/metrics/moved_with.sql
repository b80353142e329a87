-- Whether a movement is of the same subscription and currency as another one.
store.key(r.book, r.stream) = store.key(%(book)s, m.stream)
    and r.stream = m.stream and r.currency is not distinct from m.currency
