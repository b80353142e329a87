-- Create the table of applied migrations and their checksums.
create table if not exists store.migration (
    name       text primary key,
    sha256     bytea not null,
    applied_at timestamptz not null default now()
)
