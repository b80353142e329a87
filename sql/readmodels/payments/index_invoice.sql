-- Payments by invoice.
create index {index} on {table} (book, invoice_id) where invoice_id is not null
