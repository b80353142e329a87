-- All that the service's role may do. Of events it may append and read; it owns the read models.
revoke all on all tables in schema store from {role};
grant usage on schema store to {role};
grant select, insert on store.event to {role};
grant execute on function store.key(text, text) to {role};
grant select, insert, update on store.head to {role};
grant select, insert on store.api_key to {role};
grant update (last_used_at, revoked_at) on store.api_key to {role};
grant select, insert, update, delete on store.refusal, store.refusal_count to {role};
grant select on public.daybook_migration to {role};
grant usage, create on schema read to {role};
