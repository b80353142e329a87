-- Customers as the events describe them. memo is the merged state, which later events extend.
create table {table} (
    book              text not null,
    customer_id       text not null,
    email             text,
    name              text,
    created_at        timestamptz not null,
    position          bigint not null,
    snapshot_position bigint,
    memo              bytea not null
) with (fillfactor = 85)
