-- Customers by e-mail address or its prefix, and by prefixes of words of their names.
create index {index} on {table} (book, field, term, customer_id)
