-- List the products of subscriptions as they were known: those that changed since as they were.
(
    select s.book, s.subscription_id, s.product_id
    from {subscriptions} s
    where s.book = %(book)s and 'subscription-' || s.subscription_id <> all(%(resold)s::text[])
        and (
            s.position <= %(known)s
            or exists (
                select from {events} e
                where e.book = %(book)s and e.position <= %(known)s
                    and store.key(e.book, e.stream)
                        = store.key(%(book)s, 'subscription-' || s.subscription_id)
                    and e.stream = 'subscription-' || s.subscription_id
            )
        )
    union all
    select f.book, f.subscription_id, f.product_id
    from jsonb_populate_recordset(null::{subscriptions}, %(sold)s::jsonb) f
)
