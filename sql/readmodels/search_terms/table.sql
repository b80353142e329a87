-- What customers are found by, folded in case: "C" compares bytes, so that an index serves prefixes.
create table {table} (
    book        text not null,
    customer_id text not null,
    term        text collate "C" not null,
    field       text not null
)
