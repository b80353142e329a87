-- The folds of a customer's payments that pay for a time not yet over.
select memo from {view}
where book = %(book)s and customer_id = %(customer_id)s and paid_until > %(at)s
