-- Delete the old counts of a book.
delete from store.refusal_count where book = %(book)s and minute < now() - %(age)s::interval
