-- Balances of customers, in units of the credit; gaps counts missing ledger rows. memo is the fold, which later events extend.
create table {table} (
    book                  text not null,
    credit_id             text not null,
    customer_id           text,
    status                text not null,
    status_since          timestamptz not null,
    created_at            timestamptz not null,
    credit_entitlement_id text not null,
    updated_at            timestamptz,
    balance               text,
    overage               text,
    gaps                  bigint not null,
    position              bigint not null,
    snapshot_position     bigint not null,
    memo                  bytea not null
) with (fillfactor = 85)
