-- The event store's table and indexes, for rows that come one by one.
create table single (
    book text, position bigint, source text, webhook_id text, revision integer,
    sent_at timestamptz, recorded_at timestamptz, webhook_timestamp text, webhook_signature text, headers text,
    verified_by text, body_sha256 bytea, link bytea, body bytea, primary key (book, position)
);
create unique index on single (book, webhook_id, revision);
