-- Events that tell the name of a product.
create index {index} on {table} (book, named_product, position) include (product_name)
where named_product is not null
