-- The sessions of the console; each opens books by API keys, and ends with its keys.

create table store.console_session (
    -- of the id that the browser's cookie holds; the id itself is not stored
    sha256     bytea       not null check (length(sha256) = 32),
    book       text        not null,
    key_id     text        not null,
    created_at timestamptz not null default now(),
    used_at    timestamptz not null default now(),
    primary key (sha256, book)
);

-- Links that open a session once.
create table store.console_link (
    sha256     bytea       primary key check (length(sha256) = 32),
    book       text        not null,
    key_id     text        not null,
    expires_at timestamptz not null
);
