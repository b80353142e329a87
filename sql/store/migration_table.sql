-- Which migrations were applied.
create table if not exists public.daybook_migration (
    name       text primary key,
    applied_at timestamptz not null default now()
)
