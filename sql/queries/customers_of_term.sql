-- Find customers by the beginning of a name or an address, each once: a part of a search.
select f.customer_id, f.term, concat_ws(' ', k.name, '<' || k.email || '>') as label
from (
    select t.term, t.customer_id
    from {search_terms} t
    where t.book = %(book)s and t.field = {field}
        -- explicit bounds: LIKE with a parameter would not use the index in a prepared plan
        and t.term >= {begins} and t.term < {begins} || chr(1114111)
        -- once, even if several terms match; as a scalar, since the planner may answer
        -- exists by reading all that begin so
        and t.term = (
            select s.term
            from {search_terms} s
            where s.book = %(book)s and s.field = {field} and s.term >= {begins}
                and s.customer_id = t.customer_id
            order by s.term
            limit 1
        )
    order by t.term, t.customer_id
    limit %(limit)s
) f
cross join lateral (
    select c.name, c.email
    from {customers} c
    where c.book = %(book)s and c.customer_id = f.customer_id
    -- one at a time: the planner may join by reading all customers
    limit 1
) k
order by f.term, f.customer_id
