-- What each event of a subscription did to recurring revenue; amounts in minor units of currency.
create table {table} (
    book            text not null,
    position        bigint not null,
    subscription_id text not null,
    occurred_at     timestamptz not null,
    kind            text,
    currency        text,
    mrr_from        bigint not null,
    mrr_to          bigint not null
)
