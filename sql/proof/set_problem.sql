-- Say why a book signs no checkpoint, or why an anchor fails; returns a row if that is news.
insert into store.proof_problem as p (book, anchor, problem)
values (%(book)s, %(anchor)s, %(problem)s)
on conflict (book, anchor) do update set problem = excluded.problem
where p.problem <> excluded.problem
returning book
