-- Who did what to a book, and why; and which events a person has looked at.

-- One row for each action of a person, a program with a key, or the service itself.
create table store.audit (
    book       text        not null,
    at         timestamptz not null default now(),
    audit_id   text        not null,
    action     text        not null,
    -- the id of an API key, an account of the operating system as account@host, or the service
    actor      text        not null check (actor in ('key', 'account', 'service')),
    who        text        not null,
    -- what it was done to: a stream, a key, a comparison, read models, a group of events
    subject    text        not null,
    reason     text,
    request_id text,
    primary key (book, at, audit_id)
);
create trigger audit_is_append_only
    before update or delete or truncate on store.audit
    for each statement
    execute function store.refuse_change('the audit log is never altered: store.audit');

-- Up to which position a person has looked at the events of one verdict and type, and at how many.
create table store.acknowledgement (
    book     text        not null,
    verdict  text        not null,
    type     text        not null,
    position bigint      not null check (position > 0),
    count    bigint      not null check (count > 0),
    at       timestamptz not null default now(),
    actor    text        not null,
    who      text        not null,
    note     text        not null,
    primary key (book, verdict, type)
);
