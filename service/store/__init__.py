"""The event store: append, read, schema, roles and API keys."""
