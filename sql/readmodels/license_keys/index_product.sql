-- Rows of one product, in the order of the list.
create index {index} on {table} (book, product_id, created_at, license_key_id)
