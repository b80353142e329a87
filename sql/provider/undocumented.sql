-- List the open disputes of a book for which nothing was fetched, with payment and customer.
select d.dispute_id, d.payment_id, coalesce(d.customer_id, p.customer_id) as customer_id
from {disputes} d
left join {payments} p on p.book = d.book and p.payment_id = d.payment_id
where d.book = %(book)s and d.payment_id is not null
    and (%(dispute_id)s::text is null and d.status in ('opened', 'challenged')
        or d.dispute_id = %(dispute_id)s::text)
    and not exists (
        select 1 from store.document f where f.book = %(book)s and f.dispute_id = d.dispute_id
    )
order by d.created_at
limit %(limit)s
