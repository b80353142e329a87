-- Get the latest name of a product, as the provider's lists tell it; a part of a search.
select e.product_name from {events} e
where e.book = %(book)s and e.named_product = {product}
order by e.position desc
limit 1
