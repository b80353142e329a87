-- Payments; total_amount in minor units of currency. memo is the fold, which later events extend.
create table {table} (
    book                     text not null,
    payment_id               text not null,
    customer_id              text,
    status                   text not null,
    status_since             timestamptz not null,
    created_at               timestamptz not null,
    subscription_ids         text[] not null,
    paid_until               timestamptz,
    total_amount             bigint,
    currency                 text,
    refund_status            text,
    invoice_id               text,
    is_update_payment_method boolean not null,
    product_ids              text[] not null,
    position                 bigint not null,
    snapshot_position        bigint not null,
    memo                     bytea not null
) with (fillfactor = 85)
