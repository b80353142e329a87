-- Keep what the provider has about a dispute; it may be there already.
insert into store.document (book, dispute_id, path, media_type, fetched_at, content, problem)
values (
    %(book)s, %(dispute_id)s, %(path)s, %(media_type)s, %(fetched_at)s, %(content)s, %(problem)s
)
on conflict (book, dispute_id, path) do nothing
