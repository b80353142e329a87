-- The index of events: one row for each position of the store; movement_amounts in minor units a month.
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
    movements           text[],
    movement_times      timestamptz[],
    movement_currencies text[],
    movement_amounts    bigint[],
    unread              text[]
)
