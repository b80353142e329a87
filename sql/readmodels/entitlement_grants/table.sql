-- Entitlement grants. memo is the fold, which later events extend.
create table {table} (
    book                 text not null,
    entitlement_grant_id text not null,
    customer_id          text,
    status               text not null,
    status_since         timestamptz not null,
    created_at           timestamptz not null,
    entitlement_id       text,
    integration_type     text,
    subscription_id      text,
    payment_id           text,
    license_key          text,
    position             bigint not null,
    snapshot_position    bigint not null,
    memo                 bytea not null
) with (fillfactor = 85)
