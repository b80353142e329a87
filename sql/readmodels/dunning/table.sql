-- Dunning attempts, each identified by its subscription and its time. memo is the fold, which later events extend.
create table {table} (
    book              text not null,
    dunning_id        text not null,
    customer_id       text,
    status            text not null,
    status_since      timestamptz not null,
    created_at        timestamptz not null,
    subscription_id   text not null,
    trigger_state     text,
    payment_id        text,
    position          bigint not null,
    snapshot_position bigint not null,
    memo              bytea not null
) with (fillfactor = 85)
