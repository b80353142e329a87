-- Get the problems of signing and of anchors.
select book, anchor, problem, since
from store.proof_problem
where %(book)s::text is null or book = %(book)s
order by book, anchor
