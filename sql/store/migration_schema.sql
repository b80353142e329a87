-- Create the schema of the event store; public is avoided, where an owner may lack privileges.
create schema if not exists store
