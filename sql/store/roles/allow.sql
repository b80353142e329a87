-- Grant the service's role exactly what it needs: append and read events, own the read models.
revoke all on all tables in schema store from {role};
revoke all
    on read.projection, read.checkpoint, read.retired, read.parked, read.lease from {role};
revoke all on schema store, read from {role};
grant usage on schema store to {role};
grant execute on function store.key(text, text) to {role};
grant select on store.migration to {role};
grant select, insert on store.event to {role};
grant select, insert (book, business_id), update (position, link, recorded_at, business_id)
    on store.head to {role};
grant select, insert (book, id, sha256, scopes, label), update (last_used_at, revoked_at)
    on store.api_key to {role};
grant select, insert, delete on store.refusal to {role};
grant select, insert, update, delete on store.refusal_count to {role};
grant select, insert, update on store.backfill to {role};
grant select, insert, update, delete
    on store.reconcile_run, store.reconcile_difference, store.reconcile_absence to {role};
grant select, insert
    on store.tree_node, store.origin, store.checkpoint, store.anchored, store.document
    to {role};
grant select, insert, update, delete on store.proof_problem to {role};
grant select, insert, update, delete on store.console_session to {role};
grant select, insert, delete on store.console_link to {role};
grant select, insert on store.audit to {role};
grant select, insert, update on store.acknowledgement to {role};
grant select, insert, update, delete on store.job, store.lag to {role};
grant usage, create on schema read to {role};
grant select, insert, update, delete
    on read.projection, read.checkpoint, read.retired, read.parked, read.lease to {role};
