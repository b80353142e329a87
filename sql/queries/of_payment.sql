-- Get the latest refunds or disputes of a payment.
select memo from {view} where book = %(book)s and payment_id = %(payment_id)s
order by created_at desc, {key} desc
limit %(limit)s
