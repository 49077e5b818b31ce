-- The iMessage daemon's own store, imessage-worker.db. Instants are whole microseconds since 1970 UTC.

CREATE TABLE watermarks (
    name       TEXT PRIMARY KEY,
    value      INTEGER NOT NULL, -- of `messages`: the last ROWID of chat.db that was looked at
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that were commands or tried to be. What was said is kept of commands alone, and there with the command.
CREATE TABLE message_events (
    id            INTEGER PRIMARY KEY,
    guid          TEXT    NOT NULL UNIQUE, -- what makes it once, for ever
    message_rowid INTEGER NOT NULL,
    sender        TEXT    NOT NULL,
    chat          TEXT    NOT NULL,        -- the guid of the group to answer into; '' between two
    sent_at       INTEGER NOT NULL,
    received_at   INTEGER NOT NULL,
    verdict       TEXT    NOT NULL CHECK (verdict IN ('accepted', 'ignored')),
    reason        TEXT    NOT NULL
) STRICT;
CREATE INDEX message_events_by_sender ON message_events (sender, received_at);
CREATE INDEX message_events_by_age ON message_events (received_at);

CREATE TABLE processing_jobs (
    id           INTEGER PRIMARY KEY,
    event_id     INTEGER NOT NULL UNIQUE REFERENCES message_events (id) ON DELETE CASCADE,
    text         TEXT    NOT NULL,         -- what follows the prefix
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    reason       TEXT    NOT NULL DEFAULT '',
    attempts     INTEGER NOT NULL DEFAULT 0,
    queued_at    INTEGER NOT NULL UNIQUE,  -- also the identity of what it starts
    started_at   INTEGER,
    finished_at  INTEGER,
    code         TEXT,                     -- what confirms it, until then and by one message
    code_until   INTEGER,
    code_misses  INTEGER NOT NULL DEFAULT 0,
    code_used_by INTEGER
) STRICT;
CREATE INDEX processing_jobs_open ON processing_jobs (id) WHERE state IN ('queued', 'running');

CREATE TABLE outbound_messages (
    id           INTEGER PRIMARY KEY,
    key          TEXT    NOT NULL UNIQUE,
    recipient    TEXT    NOT NULL,
    chat         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'unknown')),
    reason       TEXT    NOT NULL DEFAULT '',
    attempts     INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER
) STRICT;
CREATE INDEX outbound_messages_waiting ON outbound_messages (available_at, id) WHERE state IN ('pending', 'sending');
CREATE INDEX outbound_messages_by_age ON outbound_messages (created_at);

PRAGMA user_version = 1;
