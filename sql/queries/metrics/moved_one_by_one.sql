-- Count movement by movement, which tells what belongs to a product.
select at, coalesce(currency, 'none') as currency, kind, 1 as count, amount
from ({moved}) m
where at < %(until)s
