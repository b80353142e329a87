-- Refunds; amount in minor units of currency. memo is the fold, which later events extend.
create table {table} (
    book              text not null,
    refund_id         text not null,
    customer_id       text,
    status            text not null,
    status_since      timestamptz not null,
    created_at        timestamptz not null,
    payment_id        text,
    amount            bigint,
    currency          text,
    is_partial        boolean,
    position          bigint not null,
    snapshot_position bigint not null,
    memo              bytea not null
) with (fillfactor = 85)
