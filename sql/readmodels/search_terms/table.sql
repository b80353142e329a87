-- The search terms of customers, case-folded; collation "C" lets an index serve prefixes.
create table {table} (
    book        text not null,
    customer_id text not null,
    term        text collate "C" not null,
    field       text not null
)
