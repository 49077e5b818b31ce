-- The first schema. Instants are integers: microseconds since 1970-01-01T00:00:00Z.
-- No CHECK or index has an IN of more than two values: for each row written, SQLite would build a table of them.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A stored intention. Removed tasks stay, so that the ledger keeps its names; a name is free again then.
CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    schedule     TEXT NOT NULL,               -- JSON
    handler      TEXT NOT NULL,
    params       TEXT NOT NULL,               -- JSON
    policy       TEXT NOT NULL,               -- JSON, defaults left out
    origin       TEXT NOT NULL,
    source       TEXT,                        -- the file it comes from, which alone may take it away again
    follows_zone INTEGER NOT NULL DEFAULT 0,  -- 1: its author named no zone, so it moves with the system's
    created_at   INTEGER NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 1,
    enabled      INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    paused_at    INTEGER,
    pause_reason TEXT,
    removed_at   INTEGER,
    next_run_at  INTEGER,                     -- the first due_at not yet recorded; only moves forward
    starts       INTEGER NOT NULL DEFAULT 0,  -- occurrences recorded to run
    failures     INTEGER NOT NULL DEFAULT 0,  -- runs in a row that failed
    deliver      TEXT NOT NULL DEFAULT '[]',  -- JSON: the channels its results go to, and which of them
    started_by   TEXT                         -- what starts it where that is not time: 'event', or 'task:NAME'
) STRICT;
CREATE UNIQUE INDEX tasks_by_name ON tasks (name) WHERE removed_at IS NULL;
CREATE INDEX tasks_removed ON tasks (name) WHERE removed_at IS NOT NULL;
CREATE INDEX tasks_by_source ON tasks (source) WHERE source IS NOT NULL AND removed_at IS NULL;
CREATE INDEX tasks_by_start ON tasks (started_by) WHERE started_by IS NOT NULL AND removed_at IS NULL;
CREATE INDEX tasks_following_zone ON tasks (follows_zone) WHERE follows_zone = 1 AND removed_at IS NULL;
CREATE INDEX tasks_by_next_run ON tasks (next_run_at) WHERE enabled = 1 AND removed_at IS NULL;
CREATE INDEX tasks_of_the_inbox ON tasks (name) WHERE handler = 'webhook_poll' AND enabled = 1 AND removed_at IS NULL;

-- One daemon, or one `jarvis tick`: the owner of what it claims.
CREATE TABLE instances (
    id                 INTEGER PRIMARY KEY,
    host               TEXT NOT NULL,
    pid                INTEGER NOT NULL,
    process_started_at TEXT NOT NULL,
    token              TEXT NOT NULL UNIQUE,  -- random; names the instance's wake pipe
    version            TEXT NOT NULL,
    started_at         INTEGER NOT NULL,
    heartbeat_at       INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL,      -- what is believed of an owner on another host
    stopped_at         INTEGER
) STRICT;
CREATE INDEX instances_open ON instances (id) WHERE stopped_at IS NULL;

-- The ledger: one row for one occurrence, or for a range of missed ones (until, count).
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    task_id      INTEGER NOT NULL REFERENCES tasks (id),
    due_at       INTEGER NOT NULL,
    until        INTEGER,
    count        INTEGER NOT NULL DEFAULT 1,
    origin       TEXT NOT NULL CHECK (origin = 'schedule' OR origin = 'manual' OR origin = 'event'
                                      OR origin = 'chain'),
    state        TEXT NOT NULL CHECK (state = 'pending' OR state = 'running' OR state = 'succeeded'
                                      OR state = 'failed' OR state = 'timed_out' OR state = 'missed'
                                      OR state = 'skipped' OR state = 'cancelled' OR state = 'unknown'),
    reason       TEXT NOT NULL DEFAULT '',
    attempt      INTEGER NOT NULL DEFAULT 0,
    priority     INTEGER NOT NULL DEFAULT 0,
    alone        INTEGER NOT NULL DEFAULT 1,  -- 0: may run beside another run of its task (overlap=allow)
    recorded_at  INTEGER NOT NULL,
    available_at INTEGER NOT NULL,            -- a pending run may start from here on
    started_at   INTEGER,
    finished_at  INTEGER,
    owner        INTEGER REFERENCES instances (id),
    fence        INTEGER NOT NULL DEFAULT 0,  -- rises with every claim; carried by every later write
    data         TEXT,                        -- JSON, what the handler returned
    failures     INTEGER NOT NULL DEFAULT 0,  -- attempts that failed, each of which was worth another
    useful_until INTEGER,                     -- a run that has not started by then (late_ok) will not
    cancel       TEXT,                        -- why a running run was asked to stop
    UNIQUE (task_id, due_at)
) STRICT;
CREATE INDEX runs_pending ON runs (priority DESC, available_at, id) WHERE state = 'pending';
CREATE INDEX runs_waiting ON runs (available_at) WHERE state = 'pending';
CREATE INDEX runs_useful ON runs (useful_until) WHERE state = 'pending' AND useful_until IS NOT NULL;
CREATE INDEX runs_open ON runs (task_id) WHERE state IN ('pending', 'running');
CREATE INDEX runs_asked ON runs (owner) WHERE state = 'running' AND cancel IS NOT NULL;

-- The last line of defence for "once": whatever the code above does, a settled run stays as it is.
CREATE TRIGGER runs_settled BEFORE UPDATE OF state ON runs
WHEN old.state NOT IN ('pending', 'running')
BEGIN
    SELECT RAISE (ABORT, 'a settled run cannot change its state');
END;

-- Attempts that did not end their run: each failed and another followed, or was cut off with its daemon.
CREATE TABLE attempts (
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state = 'failed' OR state = 'timed_out' OR state = 'cut_off'),
    reason      TEXT NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE outputs (
    run_id  INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    body    BLOB NOT NULL,
    total   INTEGER NOT NULL,                 -- bytes written by the attempt, of which `body` may be a part
    cut_off INTEGER NOT NULL DEFAULT 0,       -- 1: its daemon died; what it had written by then
    PRIMARY KEY (run_id, attempt)
) STRICT;

-- The outbox: what became of one run, on its way to one channel. Written by the transaction that settles the run.
-- A digest is of no one run: it tells what its members (digest_id) would have told.
CREATE TABLE deliveries (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL UNIQUE,        -- one for a run, a kind and a channel; the receiver may know it by that
    run_id       INTEGER REFERENCES runs (id) ON DELETE CASCADE,
    task_id      INTEGER REFERENCES tasks (id),
    channel      TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind = 'result' OR kind = 'paused' OR kind = 'alert' OR kind = 'digest'),
    subject      TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state = 'pending' OR state = 'held' OR state = 'sending' OR state = 'sent'
                                      OR state = 'failed' OR state = 'expired' OR state = 'unknown'
                                      OR state = 'cancelled' OR state = 'digested' OR state = 'grouped'
                                      OR state = 'silenced'),
    reason       TEXT NOT NULL DEFAULT '',
    attempt      INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,  -- attempts that failed since it was last asked for
    created_at   INTEGER NOT NULL,
    available_at INTEGER NOT NULL,            -- a pending delivery may be sent, a held one is looked at, from here on
    expires_at   INTEGER NOT NULL,            -- and not from here on; time in which it was held does not count
    started_at   INTEGER,
    finished_at  INTEGER,
    owner        INTEGER REFERENCES instances (id),
    fence        INTEGER NOT NULL DEFAULT 0,
    begun        INTEGER NOT NULL DEFAULT 1,  -- 0: it is being sent, and nothing of it can have arrived yet
    fallback_of  INTEGER REFERENCES deliveries (id) ON DELETE SET NULL, -- it comes in the place of that one
    urgent       INTEGER NOT NULL DEFAULT 0,  -- 1: neither quiet hours nor a cap hold it
    low          INTEGER NOT NULL DEFAULT 0,  -- 1: it waits for the next digest
    same         TEXT NOT NULL DEFAULT 'told' CHECK (same = 'told' OR same = 'grouped' OR same = 'silent'),
    mark         TEXT NOT NULL DEFAULT '',    -- equal for results that say the same
    hold         TEXT CHECK (hold = 'quiet' OR hold = 'digest' OR hold = 'capped'), -- what it was held for last
    held_at      INTEGER,                     -- since when; of what is held no more, until when
    digest_id    INTEGER REFERENCES deliveries (id) ON DELETE SET NULL, -- the digest that tells it, or counts it
    CHECK ((run_id IS NULL) = (kind = 'digest') AND (task_id IS NULL) = (kind = 'digest'))
) STRICT;
CREATE INDEX deliveries_fallbacks ON deliveries (fallback_of) WHERE fallback_of IS NOT NULL;
CREATE INDEX deliveries_by_run ON deliveries (run_id);
CREATE INDEX deliveries_pending ON deliveries (channel, available_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE state = 'pending';
CREATE INDEX deliveries_held ON deliveries (available_at) WHERE state = 'held';
CREATE INDEX deliveries_sending ON deliveries (owner) WHERE state = 'sending';
CREATE INDEX deliveries_unsent ON deliveries (state, created_at)
WHERE state <> 'sent' AND state <> 'cancelled' AND state <> 'digested' AND state <> 'grouped' AND state <> 'silenced';
CREATE INDEX deliveries_compared ON deliveries (task_id, channel, id)
WHERE kind = 'result' AND state NOT IN ('grouped', 'silenced');
CREATE INDEX deliveries_counted ON deliveries (channel, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX deliveries_untold ON deliveries (channel)
WHERE state IN ('grouped', 'silenced') AND digest_id IS NULL;
CREATE INDEX deliveries_digests ON deliveries (created_at) WHERE kind = 'digest';
CREATE INDEX deliveries_digested ON deliveries (digest_id) WHERE digest_id IS NOT NULL;

-- The last line of defence for "never sent twice by itself": what was sent stays so, as does what a digest tells or
-- nothing tells, and what may have been sent, or was given up, can only be put back by the one who asks for it.
CREATE TRIGGER deliveries_settled BEFORE UPDATE OF state ON deliveries
WHEN old.state = 'sent' OR old.state = 'cancelled' OR old.state = 'digested' OR old.state = 'grouped'
  OR old.state = 'silenced'
  OR ((old.state = 'failed' OR old.state = 'expired' OR old.state = 'unknown') AND new.state <> 'pending')
BEGIN
    SELECT RAISE (ABORT, 'a settled delivery cannot change its state');
END;

-- Texts of a task's own, filled in when they are sent, with what they may speak of as it was when the run ended.
CREATE TABLE delivery_forms (
    delivery_id INTEGER PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    template    TEXT NOT NULL,
    facts       TEXT NOT NULL                 -- JSON
) STRICT;

-- When no daemon could see what came due, and why: asleep, stopped, held up; and steps of the clock.
CREATE TABLE absences (
    id     INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX absences_by_until ON absences (until);

-- The assistant's memory. `whole` is a row as its history keeps it; an id is never given to another row.
CREATE TABLE facts (
    id         INTEGER PRIMARY KEY,           -- of the text in facts_words
    category   TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,                 -- JSON
    source     TEXT NOT NULL DEFAULT 'user',
    updated_at INTEGER NOT NULL,
    whole      TEXT AS (json_object('category', category, 'key', key, 'value', value, 'source', source,
                                    'updated_at', updated_at)),
    UNIQUE (category, key)
) STRICT;

CREATE TABLE delegations (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    task         TEXT NOT NULL,
    delegated_to TEXT NOT NULL,
    due_date     TEXT CHECK (due_date IS date (due_date) AND (due_date IS NULL OR due_date >= '0001')),
                                              -- ISO date, a day of the user's calendar
    priority     TEXT NOT NULL DEFAULT 'medium',
    status       TEXT NOT NULL DEFAULT 'active',
    notes        TEXT NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    whole        TEXT AS (json_object('id', id, 'task', task, 'delegated_to', delegated_to, 'due_date', due_date,
                                      'priority', priority, 'status', status, 'notes', notes,
                                      'created_at', created_at, 'updated_at', updated_at))
) STRICT;
CREATE INDEX delegations_due ON delegations (due_date) WHERE status = 'active';

CREATE TABLE decisions (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    title          TEXT NOT NULL,
    description    TEXT NOT NULL DEFAULT '',
    owner          TEXT NOT NULL DEFAULT '',
    status         TEXT NOT NULL DEFAULT 'pending_execution',
    follow_up_date TEXT CHECK (follow_up_date IS date (follow_up_date)
                               AND (follow_up_date IS NULL OR follow_up_date >= '0001')),
                                              -- ISO date, a day of the user's calendar
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    whole          TEXT AS (json_object('id', id, 'title', title, 'description', description, 'owner', owner,
                                        'status', status, 'follow_up_date', follow_up_date,
                                        'created_at', created_at, 'updated_at', updated_at))
) STRICT;

CREATE TABLE alert_rules (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL UNIQUE,
    alert_type        TEXT NOT NULL,
    condition         TEXT NOT NULL,          -- JSON
    enabled           INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at        INTEGER NOT NULL,
    last_triggered_at INTEGER,                -- when a person was last told that it holds
    deliver           TEXT NOT NULL DEFAULT '[]', -- JSON: its own channels; none: those of the task that evaluates
    cool_down         INTEGER NOT NULL DEFAULT 14400000000, -- microseconds
    whole             TEXT AS (json_object('id', id, 'name', name, 'alert_type', alert_type, 'condition', condition,
                                           'enabled', enabled, 'created_at', created_at, 'deliver', deliver,
                                           'cool_down', cool_down))
                                              -- what a person states; not what evaluating it leaves
) STRICT;

-- What a rule found, from when it holds until it is over. Named by the rule's name: it outlives the rule. An id is
-- never given twice: the outbox knows by it what was told.
CREATE TABLE incidents (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    rule            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('alert', 'broken')),
    alert_type      TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state = 'firing' OR state = 'acknowledged' OR state = 'resolved'),
    text            TEXT NOT NULL,
    items           TEXT NOT NULL DEFAULT '[]', -- JSON: the ids of what it is about
    started_at      INTEGER NOT NULL,
    told            INTEGER NOT NULL DEFAULT 1,
    last_told_at    INTEGER NOT NULL,
    told_by         INTEGER,                  -- the run that told it last
    heard           INTEGER NOT NULL DEFAULT 0, -- 1: some channel was given it
    acknowledged_at INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    resolved_at     INTEGER,
    reason          TEXT NOT NULL DEFAULT '',
    fence           INTEGER NOT NULL DEFAULT 0 -- rises with every write; carried by every later one
) STRICT;
CREATE UNIQUE INDEX incidents_open ON incidents (rule, kind) WHERE state <> 'resolved';
CREATE INDEX incidents_by_rule ON incidents (rule, kind, id);
CREATE INDEX incidents_by_run ON incidents (told_by);
CREATE INDEX incidents_over ON incidents (resolved_at) WHERE state = 'resolved';

CREATE TRIGGER incidents_resolved BEFORE UPDATE OF state ON incidents
WHEN old.state = 'resolved'
BEGIN
    SELECT RAISE (ABORT, 'a resolved incident cannot change its state');
END;

-- Every change of the assistant's memory, whoever makes it: the table itself writes it down, in the transaction of the
-- change. The author signs it there; what nobody signed (a hand with the sqlite3 shell) has no source.
CREATE TABLE changes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    noun       TEXT NOT NULL CHECK (noun = 'fact' OR noun = 'delegation' OR noun = 'decision' OR noun = 'rule'),
    identity   TEXT NOT NULL,                 -- of the row: its id, its name, or category and key around a 0x1f
    before     TEXT,                          -- the row as JSON; NULL: there was none
    after      TEXT,                          -- NULL: it was deleted
    source     TEXT NOT NULL DEFAULT '',      -- who
    changed_at INTEGER NOT NULL DEFAULT (CAST ((julianday ('now') - 2440587.5) * 86400000000 AS INTEGER)),
    undoes     INTEGER,                       -- the change that this one takes back
    size       INTEGER AS (coalesce (length (before), 0) + coalesce (length (after), 0)) STORED
) STRICT;
CREATE INDEX changes_by_row ON changes (noun, identity, id, size);
CREATE INDEX changes_by_source ON changes (source, id);

-- A fact that is set every minute, or is large, is no reason to fill the disk: of each row the last 200 changes stay,
-- and when a large one comes, no more of them than 8 million characters hold, but always that one.
CREATE TRIGGER changes_bounded AFTER INSERT ON changes
BEGIN
    DELETE FROM changes
    WHERE noun = new.noun AND identity = new.identity AND id <= (
        SELECT id FROM changes WHERE noun = new.noun AND identity = new.identity ORDER BY id DESC LIMIT 1 OFFSET 200
    );
END;
CREATE TRIGGER changes_bounded_in_size AFTER INSERT ON changes
WHEN new.size > 40000
BEGIN
    DELETE FROM changes
    WHERE noun = new.noun AND identity = new.identity AND id <= (
        SELECT max (id)
        FROM (
            SELECT id, sum (size) OVER (ORDER BY id DESC) AS total FROM changes
            WHERE noun = new.noun AND identity = new.identity
        )
        WHERE total > 8000000 AND id < new.id
    );
END;

CREATE TRIGGER facts_added AFTER INSERT ON facts
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('fact', new.category || char(31) || new.key, NULL, new.whole);
END;
CREATE TRIGGER facts_changed AFTER UPDATE ON facts
WHEN old.whole IS NOT new.whole
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('fact', new.category || char(31) || new.key, old.whole, new.whole);
END;
CREATE TRIGGER facts_deleted AFTER DELETE ON facts
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('fact', old.category || char(31) || old.key, old.whole, NULL);
END;

CREATE TRIGGER delegations_added AFTER INSERT ON delegations
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('delegation', new.id, NULL, new.whole);
END;
CREATE TRIGGER delegations_changed AFTER UPDATE ON delegations
WHEN old.whole IS NOT new.whole
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('delegation', new.id, old.whole, new.whole);
END;
CREATE TRIGGER delegations_deleted AFTER DELETE ON delegations
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('delegation', old.id, old.whole, NULL);
END;

CREATE TRIGGER decisions_added AFTER INSERT ON decisions
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('decision', new.id, NULL, new.whole);
END;
CREATE TRIGGER decisions_changed AFTER UPDATE ON decisions
WHEN old.whole IS NOT new.whole
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('decision', new.id, old.whole, new.whole);
END;
CREATE TRIGGER decisions_deleted AFTER DELETE ON decisions
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('decision', old.id, old.whole, NULL);
END;

CREATE TRIGGER alert_rules_added AFTER INSERT ON alert_rules
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('rule', new.name, NULL, new.whole);
END;
CREATE TRIGGER alert_rules_changed AFTER UPDATE ON alert_rules
WHEN old.whole IS NOT new.whole
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('rule', new.name, old.whole, new.whole);
END;
CREATE TRIGGER alert_rules_deleted AFTER DELETE ON alert_rules
BEGIN
    INSERT INTO changes (noun, identity, before, after) VALUES ('rule', old.name, old.whole, NULL);
END;

-- Facts as they are searched: names of a JSON value's parts and the texts in it, without JSON's own signs.
CREATE VIRTUAL TABLE facts_words USING fts5 (category, key, value, tokenize = 'unicode61 remove_diacritics 2');

CREATE VIEW facts_texts AS
SELECT id, category, key, (
    SELECT group_concat (CASE typeof (part.key) WHEN 'text' THEN part.key || ' ' ELSE '' END
                         || CASE WHEN part.type IN ('true', 'false', 'null') THEN part.type
                            ELSE coalesce (part.atom, '') END, ' ')
    FROM json_tree (CASE WHEN json_valid (facts.value) THEN facts.value ELSE json_quote (facts.value) END) AS part
) AS value
FROM facts;

CREATE TRIGGER facts_words_added AFTER INSERT ON facts
BEGIN
    INSERT INTO facts_words (rowid, category, key, value)
    SELECT id, category, key, value FROM facts_texts WHERE id = new.id;
END;
CREATE TRIGGER facts_words_changed AFTER UPDATE OF category, key, value ON facts
BEGIN
    DELETE FROM facts_words WHERE rowid = old.id;
    INSERT INTO facts_words (rowid, category, key, value)
    SELECT id, category, key, value FROM facts_texts WHERE id = new.id;
END;
CREATE TRIGGER facts_words_deleted AFTER DELETE ON facts
BEGIN
    DELETE FROM facts_words WHERE rowid = old.id;
END;

CREATE TABLE webhook_events (
    id          INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    payload     TEXT NOT NULL,                -- JSON
    event_id    TEXT,                         -- what the sender calls it, if anything
    file_name   TEXT NOT NULL,
    file_mtime  INTEGER NOT NULL,             -- nanoseconds
    digest      TEXT NOT NULL UNIQUE,         -- sha-256 of the content: the same content is one event
    status      TEXT NOT NULL DEFAULT 'pending', -- then unmatched, filtered, failed, skipped or started
    received_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX webhook_events_by_sender ON webhook_events (source, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX webhook_events_pending ON webhook_events (id) WHERE status = 'pending';

-- What starts runs where that is not time: an event, or the end of another run; and what came of it for each task.
CREATE TABLE causes (
    task_id     INTEGER NOT NULL REFERENCES tasks (id),
    event_id    INTEGER REFERENCES webhook_events (id) ON DELETE CASCADE,
    upstream_id INTEGER REFERENCES runs (id) ON DELETE CASCADE,
    run_id      INTEGER REFERENCES runs (id) ON DELETE CASCADE, -- the row of the ledger, unless there is none
    outcome     TEXT NOT NULL CHECK (outcome = 'started' OR outcome = 'coalesced' OR outcome = 'skipped'
                                     OR outcome = 'left_out' OR outcome = 'filtered' OR outcome = 'failed'),
    reason      TEXT NOT NULL DEFAULT '',
    at          INTEGER NOT NULL,             -- when it happened
    CHECK ((event_id IS NULL) <> (upstream_id IS NULL)),
    UNIQUE (task_id, event_id),               -- each starts a task once, for ever
    UNIQUE (task_id, upstream_id)
) STRICT;
CREATE INDEX causes_by_run ON causes (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX causes_by_event ON causes (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX causes_by_upstream ON causes (upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX causes_started ON causes (task_id, at) WHERE outcome = 'started';
