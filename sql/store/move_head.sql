-- Move the head of a book after an append.
update store.head
set position = %(position)s, link = %(link)s, recorded_at = %(recorded_at)s
where book = %(book)s
