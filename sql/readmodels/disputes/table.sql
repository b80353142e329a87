-- Disputes; amount in minor units of currency; opened_at is the time of its last opening. memo is the fold, which later events extend.
create table {table} (
    book              text not null,
    dispute_id        text not null,
    customer_id       text,
    status            text not null,
    status_since      timestamptz not null,
    created_at        timestamptz not null,
    opened_at         timestamptz not null,
    payment_id        text,
    dispute_stage     text,
    amount            bigint,
    currency          text,
    position          bigint not null,
    snapshot_position bigint not null,
    memo              bytea not null
) with (fillfactor = 85)
