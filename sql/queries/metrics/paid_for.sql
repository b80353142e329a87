-- Whether a payment paid for a product; the cart of a renewal may be empty.
(
    {payment}.product_ids @> array[%(product_id)s::text]
    or {payment}.product_ids = '{{}}' and exists (
        select from {subscriptions} s
        where s.book = %(book)s and s.subscription_id = any({payment}.subscription_ids)
            and s.product_id = %(product_id)s
    )
)
