-- Count row by row, which tells what belongs to a product.
select c.{date} as at, coalesce(c.currency, 'none') as currency, c.kind, 1 as count, c.amount, c.fee
from ({counted}) c
where {condition}
