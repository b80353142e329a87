-- What the provider has about a disputed payment besides events: its invoice, and mails.

-- The invoice and the mails to the customer, exactly as they were answered, or why they could not
-- be read. In no chain.
create table store.document (
    book       text        not null,
    dispute_id text        not null,
    path       text        not null,
    media_type text        not null,
    fetched_at timestamptz not null,
    content    bytea       not null,
    problem    text,
    primary key (book, dispute_id, path)
);
create trigger document_is_append_only
    before update or delete or truncate on store.document
    for each statement
    execute function store.refuse_change('a document is never altered: store.document');
