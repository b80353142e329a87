-- When the events of subscriptions happened, in the order of recording.
create index {index} on {table} (book, position) include (occurred_at) where starts_with(stream, 'subscription-')
