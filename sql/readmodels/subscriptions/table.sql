-- Subscriptions; recurring_pre_tax_amount in minor units of currency. memo is the fold, which later events extend.
create table {table} (
    book                        text not null,
    subscription_id             text not null,
    customer_id                 text,
    status                      text not null,
    status_since                timestamptz not null,
    created_at                  timestamptz not null,
    product_id                  text,
    previous_billing_date       timestamptz,
    next_billing_date           timestamptz,
    cancel_at_next_billing_date boolean not null,
    recurring_pre_tax_amount    bigint,
    currency                    text,
    position                    bigint not null,
    snapshot_position           bigint not null,
    memo                        bytea not null
) with (fillfactor = 85)
