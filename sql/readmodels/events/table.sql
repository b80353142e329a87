-- The index of events: one row for each position of the store; amounts in minor units.
create table {table} (
    book                text not null,
    position            bigint not null,
    stream              text,
    customer_id         text,
    type                text not null,
    occurred_at         timestamptz not null,
    verdict             text not null,
    status_from         text,
    status_to           text,
    newer               boolean not null,
    late                boolean not null,
    revision            boolean not null,
    undecided           boolean not null,
    shown_at            timestamptz,
    unread              text[],
    amount              bigint,
    currency            text,
    named_product       text,
    product_name        text,
    retold              boolean not null
)
