-- The payments of a subscription, in order.
select memo from {view} where book = %(book)s and subscription_ids @> array[%(subscription_id)s]
order by created_at, {key}
