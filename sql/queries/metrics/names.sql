-- Get the address and the name of the customers of a page.
select customer_id, email, name
from {customers}
where book = %(book)s and customer_id = any(%(ids)s)
