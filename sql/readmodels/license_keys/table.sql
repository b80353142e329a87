-- Licence keys. memo is the fold, which later events extend.
create table {table} (
    book              text not null,
    license_key_id    text not null,
    customer_id       text,
    status            text not null,
    status_since      timestamptz not null,
    created_at        timestamptz not null,
    product_id        text,
    subscription_id   text,
    payment_id        text,
    expires_at        timestamptz,
    key               text,
    position          bigint not null,
    snapshot_position bigint not null,
    memo              bytea not null
) with (fillfactor = 85)
