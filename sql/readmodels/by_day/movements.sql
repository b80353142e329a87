-- The movements that count: all, by what they are; each has one date.
select r.at as created_at, null::timestamptz as status_since, r.currency, r.kind, r.amount,
    null::bigint as fee
from {rows} r
