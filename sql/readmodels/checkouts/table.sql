-- Abandoned checkouts, each identified by the payment that was not completed. memo is the fold, which later events extend.
create table {table} (
    book                 text not null,
    payment_id           text not null,
    customer_id          text,
    status               text not null,
    status_since         timestamptz not null,
    created_at           timestamptz not null,
    abandonment_reason   text,
    recovered_payment_id text,
    position             bigint not null,
    snapshot_position    bigint not null,
    memo                 bytea not null
) with (fillfactor = 85)
