-- name: insert
INSERT INTO tasks (name, schedule, handler, params, policy, origin, source, follows_zone, deliver, created_at,
                   next_run_at, started_by)
VALUES (:name, :schedule, :handler, :params, :policy, :origin, :source, :follows_zone, :deliver, :created_at,
        :next_run_at, :started_by);

-- name: get
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE name = ? AND removed_at IS NULL;

-- name: ids_of
SELECT id FROM tasks WHERE name = :name AND removed_at IS NULL
UNION ALL
SELECT id FROM tasks WHERE name = :name AND removed_at IS NOT NULL;

-- name: by_id
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE id = ?;

-- name: all
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE removed_at IS NULL ORDER BY id;

-- name: sources
SELECT DISTINCT source FROM tasks WHERE source IS NOT NULL AND removed_at IS NULL;

-- name: count_of
SELECT COUNT(*) FROM tasks WHERE source = ? AND removed_at IS NULL;

-- name: take_over
UPDATE tasks SET source = :source, origin = 'file', revision = revision + 1
WHERE id = :id AND removed_at IS NULL;

-- name: names
SELECT name FROM tasks WHERE removed_at IS NULL ORDER BY name;

-- name: list
SELECT t.id, t.name, t.schedule, t.handler, t.params, t.policy, t.origin, t.created_at, t.revision, t.enabled,
       t.paused_at, t.pause_reason, t.next_run_at, t.starts, t.follows_zone, t.failures, t.source, t.deliver,
       r.started_at, r.state
FROM tasks t
LEFT JOIN runs r ON r.id = (
    SELECT id FROM runs WHERE task_id = t.id AND started_at IS NOT NULL ORDER BY due_at DESC LIMIT 1
)
WHERE t.removed_at IS NULL
ORDER BY t.name;

-- name: due
SELECT t.id, t.name, t.schedule, t.handler, t.params, t.policy, t.origin, t.created_at, t.revision, t.enabled,
       t.paused_at, t.pause_reason, t.next_run_at, t.starts, t.follows_zone, t.failures, t.source, t.deliver,
       (SELECT id FROM runs INDEXED BY runs_open WHERE task_id = t.id AND state IN ('pending', 'running') LIMIT 1)
FROM tasks t
WHERE t.next_run_at <= :now AND t.enabled = 1 AND t.removed_at IS NULL
ORDER BY t.next_run_at
LIMIT :limit;

-- name: next_due_at
SELECT MIN(next_run_at) FROM tasks WHERE enabled = 1 AND removed_at IS NULL AND next_run_at IS NOT NULL;

-- name: pause
UPDATE tasks SET enabled = 0, paused_at = :now, pause_reason = :reason, revision = revision + 1
WHERE id = :id AND enabled = 1 AND removed_at IS NULL;

-- name: resume
UPDATE tasks SET enabled = 1, paused_at = NULL, pause_reason = NULL, failures = 0, revision = revision + 1
WHERE id = :id AND enabled = 0 AND removed_at IS NULL;

-- name: remove
UPDATE tasks SET removed_at = :now, enabled = 0, next_run_at = NULL, revision = revision + 1
WHERE id = :id AND removed_at IS NULL;

-- name: advance
UPDATE tasks SET next_run_at = ?1, starts = starts + ?2
WHERE id = ?3 AND next_run_at = ?4 AND revision = ?5 AND removed_at IS NULL;

-- name: completed
UPDATE tasks SET next_run_at = :next WHERE id = :id AND next_run_at < :next AND removed_at IS NULL;

-- name: failing
SELECT id FROM tasks WHERE id IN (SELECT value FROM json_each(?)) AND failures > 0;

-- name: went_well
UPDATE tasks SET failures = 0 WHERE id = ? AND failures > 0;

-- name: went_wrong
UPDATE tasks SET failures = failures + 1 WHERE id = ?;

-- name: failures
SELECT failures FROM tasks WHERE id = ?;

-- name: following_zone
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE follows_zone = 1 AND removed_at IS NULL;

-- name: rezone
UPDATE tasks SET schedule = :schedule, next_run_at = :next, revision = revision + 1
WHERE id = :id AND revision = :revision AND removed_at IS NULL;

-- name: change
UPDATE tasks SET schedule = :schedule, handler = :handler, params = :params, policy = :policy, origin = :origin,
                 follows_zone = :follows_zone, deliver = :deliver, next_run_at = :next, starts = :starts, failures = 0,
                 started_by = :started_by,
                 revision = revision + 1
WHERE id = :id AND revision = :revision AND removed_at IS NULL;

-- name: of_the_inbox
SELECT t.name, EXISTS (
    SELECT 1 FROM runs r INDEXED BY runs_open
    WHERE r.task_id = t.id AND r.state IN ('pending', 'running') AND r.state = 'pending' AND r.available_at <= :now
)
FROM tasks t INDEXED BY tasks_of_the_inbox
WHERE t.handler = 'webhook_poll' AND t.enabled = 1 AND t.removed_at IS NULL
ORDER BY t.name;
