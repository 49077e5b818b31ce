-- INDEXED BY where SQLite would otherwise walk all of a task's runs: it takes a unique index for the better one.

-- name: insert
INSERT INTO runs (task_id, due_at, until, count, origin, state, reason, attempt, priority, alone, recorded_at,
                  available_at, started_at, finished_at, owner, fence, useful_until)
VALUES (:task_id, :due_at, :until, :count, :origin, :state, :reason, :attempt, :priority, :alone, :now,
        :available_at, :started_at, :finished_at, :owner, :fence, :useful_until)
ON CONFLICT (task_id, due_at) DO NOTHING;

-- name: insert_started
-- A run of the schedule that begins as it is recorded; its bindings by position, as there may be thousands.
INSERT INTO runs (task_id, due_at, origin, state, reason, attempt, priority, alone, recorded_at, available_at,
                  started_at, owner, fence, useful_until)
VALUES (?1, ?2, 'schedule', 'running', ?3, 1, ?4, ?5, ?6, ?7, ?7, ?8, 1, ?9)
ON CONFLICT (task_id, due_at) DO NOTHING;

-- name: claimable
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures, r.alone,
       t.id, t.name, t.schedule, t.handler, t.params, t.policy, t.origin, t.created_at, t.revision, t.enabled,
       t.paused_at, t.pause_reason, t.next_run_at, t.starts, t.follows_zone, t.failures, t.source, t.deliver
FROM runs r JOIN tasks t ON t.id = r.task_id
WHERE r.state = 'pending' AND r.available_at <= :now
  AND (r.alone = 0 OR NOT EXISTS (
    SELECT 1 FROM runs other INDEXED BY runs_open
    WHERE other.task_id = r.task_id AND other.state IN ('pending', 'running') AND other.state = 'running'
  ))
ORDER BY r.priority DESC, r.available_at, r.id
LIMIT :limit;

-- name: claim
UPDATE runs SET state = 'running', owner = :owner, fence = fence + 1, attempt = attempt + 1, started_at = :now
WHERE id = :id AND state = 'pending';

-- name: expire
UPDATE runs SET state = 'skipped', finished_at = :now,
       reason = 'skipped: it could not start before it was of no use (late_ok)'
                || CASE WHEN attempt > 0 THEN ' ' || reason ELSE '' END
WHERE state = 'pending' AND useful_until IS NOT NULL AND useful_until < :now;

-- name: ask_to_stop
UPDATE runs SET cancel = :reason WHERE id = :id AND state = 'running';

-- name: cancel_one
UPDATE runs SET state = 'cancelled', reason = :reason, finished_at = :now WHERE id = :id AND state = 'pending';

-- name: open_of
SELECT id FROM runs INDEXED BY runs_open WHERE task_id = ? AND state IN ('pending', 'running');

-- name: asked_to_stop
SELECT id, cancel FROM runs WHERE owner = ? AND state = 'running' AND cancel IS NOT NULL;

-- name: open_until
SELECT MAX(due_at) FROM runs INDEXED BY runs_open WHERE task_id = ? AND state IN ('pending', 'running') AND origin = 'schedule';

-- name: settle
UPDATE runs SET state = ?4, reason = ?5, started_at = ?6, finished_at = ?7, data = ?8
WHERE id = ?1 AND state = 'running' AND owner = ?2 AND fence = ?3;

-- name: back_to_pending
UPDATE runs SET state = 'pending', owner = NULL, started_at = NULL, attempt = attempt - :uncounted, reason = :reason,
       cancel = NULL
WHERE id = :id AND state = 'running' AND owner = :owner AND fence = :fence;

-- name: retry
UPDATE runs SET state = 'pending', owner = NULL, started_at = NULL, failures = failures + 1, reason = :reason,
       available_at = :available_at, cancel = NULL
WHERE id = :id AND state = 'running' AND owner = :owner AND fence = :fence;

-- name: attempt
INSERT INTO attempts (run_id, attempt, state, reason, started_at, finished_at)
VALUES (:run_id, :attempt, :state, :reason, :started_at, :finished_at);

-- name: attempts_of
SELECT attempt, state, reason, started_at, finished_at FROM attempts WHERE run_id = ? ORDER BY attempt;

-- name: cancel_pending
UPDATE runs SET state = 'cancelled', reason = :reason, finished_at = :now
WHERE id IN (SELECT id FROM runs INDEXED BY runs_open WHERE task_id = :task_id AND state IN ('pending', 'running'))
  AND state = 'pending';

-- name: running_of
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM runs r INDEXED BY runs_open JOIN tasks t ON t.id = r.task_id
WHERE r.owner = ? AND r.state IN ('pending', 'running') AND r.state = 'running';

-- name: any_pending
SELECT EXISTS (SELECT 1 FROM runs WHERE state = 'pending');

-- name: next_available_at
SELECT available_at FROM runs
WHERE state = 'pending'
  AND (alone = 0 OR NOT EXISTS (
    SELECT 1 FROM runs other INDEXED BY runs_open
    WHERE other.task_id = runs.task_id AND other.state IN ('pending', 'running') AND other.state = 'running'
  ))
ORDER BY available_at
LIMIT 1;

-- name: get
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM runs r JOIN tasks t ON t.id = r.task_id
WHERE r.id = ?;

-- name: newest
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM runs r JOIN tasks t ON t.id = r.task_id
WHERE (:state IS NULL OR r.state = :state) AND (:since IS NULL OR COALESCE(r.until, r.due_at) >= :since)
ORDER BY r.id DESC
LIMIT :limit;

-- name: newest_of
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM runs r JOIN tasks t ON t.id = r.task_id
WHERE r.task_id = :task_id AND (:state IS NULL OR r.state = :state)
  AND (:since IS NULL OR COALESCE(r.until, r.due_at) >= :since)
ORDER BY r.due_at DESC
LIMIT :limit;

-- name: counts
SELECT state, COUNT(*) FROM runs WHERE id >= :first AND recorded_at >= :since GROUP BY +state;

-- name: last_id
SELECT COALESCE(MAX(id), -1) FROM runs;

-- name: recorded_from
SELECT id, recorded_at FROM runs WHERE id >= ? ORDER BY id LIMIT 1;

-- name: open_counts
SELECT state, COUNT(*) FROM runs WHERE state IN ('pending', 'running') GROUP BY state;

-- name: around
-- Starts by people, and of a timed task by events, may lie between two occurrences; 1000 of them are looked past.
WITH kind (untimed) AS (SELECT started_by IS NOT NULL FROM tasks WHERE id = :task_id),
near (id) AS (
    SELECT id FROM (SELECT id FROM runs WHERE task_id = :task_id AND due_at >= :since AND due_at < :until
                    ORDER BY due_at LIMIT 2) AS inside
    UNION
    SELECT id FROM (SELECT id FROM runs WHERE task_id = :task_id AND due_at < :since
                    ORDER BY due_at DESC LIMIT 1) AS earlier
    UNION
    SELECT id FROM (SELECT id, origin FROM (SELECT id, origin FROM runs WHERE task_id = :task_id AND due_at < :since
                                            ORDER BY due_at DESC LIMIT 1000) AS before_it
                    WHERE origin = 'schedule' OR (origin <> 'manual' AND (SELECT untimed FROM kind))
                    LIMIT 1) AS earlier_planned
    UNION
    SELECT id FROM (SELECT id, origin FROM (SELECT id, origin FROM runs WHERE task_id = :task_id AND due_at >= :until
                                            ORDER BY due_at LIMIT 1000) AS after_it
                    WHERE origin = 'schedule' OR (origin <> 'manual' AND (SELECT untimed FROM kind))
                    LIMIT 1) AS later_planned
    UNION
    SELECT id FROM (SELECT id FROM runs WHERE task_id = :task_id AND state IN ('pending', 'running')
                    AND state = 'running' LIMIT 2) AS going_on
)
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM near JOIN runs r ON r.id = near.id JOIN tasks t ON t.id = r.task_id
ORDER BY r.due_at;
