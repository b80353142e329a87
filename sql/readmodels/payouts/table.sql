-- Payouts; amount and fee in minor units of currency. memo is the fold, which later events extend.
create table {table} (
    book              text not null,
    payout_id         text not null,
    status            text not null,
    status_since      timestamptz not null,
    created_at        timestamptz not null,
    updated_at        timestamptz,
    amount            bigint,
    fee               bigint,
    currency          text,
    position          bigint not null,
    snapshot_position bigint not null,
    memo              bytea not null
) with (fillfactor = 85)
