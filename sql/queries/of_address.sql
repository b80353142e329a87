-- Find the customers who have or had an e-mail address.
select customer_id from {search_terms} where book = %(book)s and term = %(email)s and field = 'email'
