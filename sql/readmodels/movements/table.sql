-- Movements of recurring revenue, numbered within their event; amounts a month, in minor units.
create table {table} (
    book        text not null,
    position    bigint not null,
    number      bigint not null,
    stream      text not null,
    at          timestamptz not null,
    kind        text not null,
    currency    text,
    amount      bigint not null,
    product     text,
    was_product text,
    was_amount  bigint not null
)
