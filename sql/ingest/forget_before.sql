-- Forget the counts of a book's minutes long past.
delete from store.refusal_count where book = %(book)s and minute < now() - %(age)s::interval
