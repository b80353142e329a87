-- Make the schema of the event store; nothing of ours lies in public, where an owner may lack rights.
create schema if not exists store
