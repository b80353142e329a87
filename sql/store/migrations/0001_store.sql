-- The event store, the API keys, and the books of the projections; the schema store is there already.

-- Where a name of a book is found in an index of names: as short as can be, and quickly compared.
-- Names that share a number are told apart by comparing them too.
create function store.key(book text, name text) returns bigint
    language sql immutable strict parallel safe
    return hashtextextended(book || ' ' || name, 0);

-- One row for each event: a delivery, or an observation of a resource (api). No code path updates or deletes one.
create table store.event (
    book              text        not null,
    position          bigint      not null check (position > 0),
    source            text        not null check (source in ('webhook', 'api', 'import')),
    -- of an observation: what was read
    webhook_id        text        not null,
    -- how many other tellings of its webhook_id were recorded before it
    revision          integer     not null check (revision >= 0),
    sent_at           timestamptz not null,
    recorded_at       timestamptz not null,
    -- as they stood in the request, so that the signature can be proved again
    webhook_timestamp text,
    webhook_signature text,
    -- a JSON object, in the bytes that the chain covers; of an observation what was asked, and when
    headers           text        not null,
    -- which secret verified it, or which API key read it: a fingerprint, never the secret
    verified_by       text,
    body_sha256       bytea       not null check (length(body_sha256) = 32),
    link              bytea       not null check (length(link) = 32),
    -- hides what the link is of, where no signature does
    salt              bytea       check (length(salt) = 32),
    body              bytea       not null,
    primary key (book, position),
    check ((source = 'webhook') = (salt is null)),
    check ((source = 'webhook') = (webhook_signature is not null and webhook_timestamp is not null))
);

-- The sender may tell an id again with another body, and then with the first body once more: each
-- such telling is an event, known by its id and its revision.
-- The index holds only the beginning of the id, since it takes no text longer than about 2,700 bytes
-- and such an event would be refused for ever. store.key tells apart ids that begin alike; two of
-- them collide once in 2^64 pairs, and only the holder of the secret could look for such a pair.
-- The beginning leads, because the provider's ids begin with their time: new ones are neighbours.
create unique index event_identity
    on store.event (book, left(webhook_id, 100), revision, store.key(book, webhook_id));

-- The end of each book: the writer locks its row, so positions are dense and in commit order.
create table store.head (
    book        text        primary key,
    position    bigint      not null default 0,
    link        bytea       not null default decode(repeat('00', 32), 'hex'),
    recorded_at timestamptz not null default '-infinity',
    -- the business that the book names, if it names one; events of another are foreign
    business_id text
);

-- API keys, each of one book; only the hash of a key is kept.
create table store.api_key (
    book         text        not null,
    id           text        not null,
    sha256       bytea       not null,
    scopes       text[]      not null check (
        scopes <> '{}' and scopes <@ array['read', 'audit', 'admin']
    ),
    label        text,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    primary key (book, id)
);
create index api_key_sha256 on store.api_key (sha256);

-- The last webhooks that were refused, some of each book. Neither bodies nor signatures are kept.
create table store.refusal (
    book           text        not null,  -- empty: of a book that there is not
    at             timestamptz not null,
    id             bigint      not null,  -- any number: two of one moment differ
    reason         text        not null,
    headers        text[]      not null,  -- which of the signed ones came
    content_length bigint,
    remote         text,
    primary key (book, at, id)
);

-- How many were refused in each minute; the minutes of the last days are kept.
create table store.refusal_count (
    book   text        not null,
    minute timestamptz not null,
    reason text        not null,
    count  bigint      not null,
    primary key (book, minute, reason)
);

-- How far the backfill of each kind of resource has come, so that it resumes there after any end.
create table store.backfill (
    book     text        not null,
    kind     text        not null,
    saved_at timestamptz not null,
    progress jsonb       not null,
    primary key (book, kind)
);

-- What the comparison with the provider found: its last runs, and their differences.
create table store.reconcile_run (
    book     text        not null,
    run_id   text        not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    state    text        not null check (
        state in ('running', 'in_sync', 'drift', 'incomplete', 'stopped', 'interrupted')
    ),
    -- the whole answer, as JSON
    head     text        not null,
    primary key (book, run_id)
);

create table store.reconcile_difference (
    book          text    not null,
    run_id        text    not null,
    number        bigint  not null,
    kind          text    not null,
    id            text    not null,
    customer_id   text,
    ours          text,
    theirs        text,
    fields        text[]  not null,
    cause         text    not null,
    evidence      text    not null,
    missing_types text[]  not null,
    effect        text    not null,
    review        boolean not null,
    remedy        text    not null,
    applied       boolean not null,
    primary key (book, run_id, number)
);

-- Resources of the book that the provider did not have when it was asked, since when.
create table store.reconcile_absence (
    book     text        not null,
    kind     text        not null,
    id       text        not null,
    first_at timestamptz not null,
    last_at  timestamptz not null,
    primary key (book, kind, id)
);

-- What the provider has about a disputed payment besides events: its invoice and the mails to the
-- customer, exactly as they were answered, or why they could not be read. In no chain.
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

-- The fence around history.
create function store.refuse() returns trigger language plpgsql as $$
begin
    raise exception 'events are never altered: % on store.event is refused', tg_op
        using errcode = 'integrity_constraint_violation';
end
$$;
create trigger event_is_append_only
    before update or delete or truncate on store.event
    for each statement execute function store.refuse();

-- What only goes forward: the end of a book, and a key that was closed.
create function store.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
end
$$;
create trigger head_moves_forward
    before update on store.head
    for each row when (
        new.book <> old.book
        or new.position < old.position
        or new.recorded_at < old.recorded_at
        or (new.position = old.position and new.link <> old.link)
    )
    execute function store.refuse_change('the end of a book never moves back: store.head');
create trigger head_stays
    before delete or truncate on store.head
    for each statement
    execute function store.refuse_change('the end of a book is never removed: store.head');
create trigger key_stays_revoked
    before update on store.api_key
    for each row when (
        old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at
    )
    execute function store.refuse_change('a revoked key stays revoked: store.api_key');

create schema read;

-- Which build of each projection's version readers see.
create table read.projection (
    name      text not null,
    version   integer not null,
    live      integer,
    previous  integer,
    allocated integer not null default 0,
    primary key (name, version)
);

-- How far the read models of a version have come in each book: all together, in one transaction.
create table read.checkpoint (
    book        text not null,
    version     integer not null,
    position    bigint not null,
    -- of the event there: whether the store still has the history that the rows show
    link        bytea not null default decode(repeat('00', 32), 'hex'),
    recorded_at timestamptz,
    -- the store was restored without the read models, and has another history than they show
    lost        boolean not null default false,
    primary key (book, version)
);

-- Where the previous build of a projection stood when it was replaced: the way back begins there.
create table read.retired (
    name     text not null,
    version  integer not null,
    book     text not null,
    position bigint not null,
    primary key (name, version, book)
);

-- Streams set aside because an event of theirs could not be digested.
create table read.parked (
    book      text not null,
    build     text not null,
    stream    text not null,
    position  bigint not null,
    error     text not null,
    parked_at timestamptz not null default now(),
    primary key (book, build, stream)
);

-- Who may do what only one may do at a time; a lease that is not renewed runs out.
create table read.lease (
    name       text primary key,
    owner      text not null,
    since      timestamptz not null default now(),
    expires_at timestamptz not null,
    -- how far its work has come, for people to look at
    doing      text,
    done       bigint not null default 0,
    total      bigint not null default 0
);

-- The Merkle tree over the links of a book, as RFC 6962 has it: the hashes of its full blocks of
-- 256, 256² and so on. What lies between is computed.
create table store.tree_node (
    book  text     not null,
    -- of 2^level leaves
    level smallint not null check (level > 0),
    index bigint   not null check (index >= 0),
    hash  bytea    not null check (length(hash) = 32),
    primary key (book, level, index)
);

-- The names under which checkpoints are signed. A new one begins where the history of the old one
-- was lost in a restore, or its key.
create table store.origin (
    book       text        not null,
    number     integer     not null check (number > 0),
    name       text        not null,
    public_key bytea       not null check (length(public_key) = 32),
    -- up to which size it has the history of the origin before it
    parted_at  bigint,
    created_at timestamptz not null default now(),
    primary key (book, number)
);

-- Signed checkpoints: a size, the root of the tree at that size, and the note that says so.
create table store.checkpoint (
    book      text        not null,
    origin    integer     not null,
    size      bigint      not null check (size > 0),
    root      bytea       not null check (length(root) = 32),
    note      text        not null,
    signed_at timestamptz not null default now(),
    primary key (book, origin, size)
);

-- Checkpoints that were carried out of reach, each with what the other side gave for it.
create table store.anchored (
    book        text        not null,
    anchor      text        not null,
    origin      integer     not null,
    size        bigint      not null,
    anchored_at timestamptz not null,
    receipt     bytea,
    primary key (book, anchor, origin, size)
);

-- Why no checkpoint is signed, or not anchored; until it is.
create table store.proof_problem (
    book    text        not null,
    -- the name of an anchor; empty for signing
    anchor  text        not null,
    problem text        not null,
    since   timestamptz not null default now(),
    primary key (book, anchor)
);

create trigger tree_node_is_append_only
    before update or delete or truncate on store.tree_node
    for each statement
    execute function store.refuse_change('the tree is never altered: store.tree_node');
create trigger origin_is_append_only
    before update or delete or truncate on store.origin
    for each statement
    execute function store.refuse_change('an origin is never altered: store.origin');
create trigger checkpoint_is_append_only
    before update or delete or truncate on store.checkpoint
    for each statement
    execute function store.refuse_change('a checkpoint is never altered: store.checkpoint');
create trigger document_is_append_only
    before update or delete or truncate on store.document
    for each statement
    execute function store.refuse_change('a document is never altered: store.document');
create trigger anchored_is_append_only
    before update or delete or truncate on store.anchored
    for each statement
    execute function store.refuse_change('an anchor is never altered: store.anchored');
