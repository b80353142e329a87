-- Events that tell another date of their resource than it has now: figures count by it.
create index {index} on {table} (book, position) where retold and not starts_with(stream, 'subscription-')
