-- Customers by an address or its beginning, and by the beginning of any word of a name.
create index {index} on {table} (book, term, customer_id, field)
