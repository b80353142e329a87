-- Active subscriptions by the date of their next renewal.
create index {index} on {table} (book, next_billing_date, subscription_id)
where status = 'active' and not cancel_at_next_billing_date
