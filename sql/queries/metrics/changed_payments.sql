-- List the payments of refunds or disputes that changed after a position.
select distinct p.payment_id as id
from ({counted}) c
join {payments} p on p.book = %(book)s and p.payment_id = c.payment_id
where p.position > %(known)s
limit %(most)s
