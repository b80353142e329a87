-- What metrics add up, by day in UTC; amounts in minor units of currency, and as large as they get.
create table {table} (
    book      text not null,
    day       timestamptz not null,
    booked_by text not null,
    currency  text not null,
    kind      text not null,
    count     bigint not null,
    amount    numeric not null,
    fee       numeric not null
) with (fillfactor = 50)
