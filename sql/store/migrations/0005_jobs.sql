-- Work that a request asks for and a process of the service does; and how far read models lagged.

-- One job of a book. At most one of a lane waits or runs.
create table store.job (
    book       text        not null,
    job_id     text        not null,
    kind       text        not null,
    -- rebuilds concern all books, so they share a lane
    lane       text        not null,
    subject    text        not null,
    state      text        not null default 'queued'
        check (state in ('queued', 'running', 'done', 'failed', 'interrupted')),
    actor      text        not null,
    who        text        not null,
    reason     text,
    request_id text,
    asked_at   timestamptz not null default now(),
    began_at   timestamptz,
    ended_at   timestamptz,
    -- what it found, as JSON; why it failed
    outcome    text,
    problem    text,
    primary key (book, job_id)
);
create unique index job_lane on store.job (lane) where state in ('queued', 'running');
create index job_asked on store.job (book, asked_at);

-- The greatest lag of a book's read models that was seen in a minute.
create table store.lag (
    book    text        not null,
    minute  timestamptz not null,
    seconds float8      not null,
    events  bigint      not null,
    primary key (book, minute)
);
