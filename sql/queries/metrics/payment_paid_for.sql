-- Whether the payment of a refund or dispute paid for a product.
exists (
    select from {payments} p
    where p.book = %(book)s and p.payment_id = c.payment_id and {paid_for}
)
