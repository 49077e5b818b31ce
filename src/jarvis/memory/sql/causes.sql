-- name: note
INSERT INTO causes (task_id, event_id, upstream_id, outcome, reason, at)
VALUES (:task_id, :event_id, :upstream_id, :outcome, :reason, :at)
ON CONFLICT DO NOTHING;

-- name: led_to
UPDATE causes SET run_id = :run_id, outcome = :outcome, reason = :reason
WHERE task_id = :task_id AND (event_id = :event_id OR upstream_id = :upstream_id);

-- name: matched
UPDATE webhook_events SET status = :status WHERE id = :id AND status = 'pending';

-- name: unheard
UPDATE webhook_events SET status = 'unmatched'
WHERE id IN (SELECT id FROM webhook_events WHERE status = 'pending' ORDER BY id LIMIT ?);

-- name: any_chained
SELECT EXISTS (SELECT 1 FROM tasks WHERE started_by > 'task:' AND removed_at IS NULL);

-- name: listening
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE started_by = 'event' AND removed_at IS NULL ORDER BY id;

-- name: followers
SELECT id, name, schedule, handler, params, policy, origin, created_at, revision, enabled, paused_at, pause_reason,
       next_run_at, starts, follows_zone, failures, source, deliver
FROM tasks WHERE started_by = ? AND removed_at IS NULL ORDER BY id;

-- name: chained
SELECT name, started_by FROM tasks INDEXED BY tasks_by_start
WHERE started_by > 'task:' AND removed_at IS NULL
ORDER BY name;

-- name: starts
SELECT starts FROM tasks WHERE id = ?;

-- name: count_start
UPDATE tasks SET starts = starts + 1 WHERE id = ?;

-- name: waiting
SELECT id, due_at FROM runs INDEXED BY runs_open
WHERE task_id = ? AND state IN ('pending', 'running') AND state = 'pending' AND attempt = 0 AND origin = 'event'
ORDER BY due_at DESC LIMIT 1;

-- name: put_off
UPDATE runs SET available_at = :available_at, useful_until = :useful_until
WHERE id = :id AND state = 'pending';

-- name: newest_starts
SELECT at FROM causes WHERE task_id = :task_id AND outcome = 'started' ORDER BY at DESC LIMIT :limit;

-- name: last_near
SELECT MAX(due_at) FROM runs WHERE task_id = :task_id AND due_at >= :at AND due_at < :at + 1000000;

-- name: event_of
SELECT id, source, event_type, payload, received_at, (SELECT COUNT(*) FROM causes WHERE run_id = :run_id)
FROM webhook_events
WHERE id = (SELECT MAX(event_id) FROM causes WHERE run_id = :run_id);

-- name: upstream_of
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.origin, r.state, r.reason, r.attempt, r.recorded_at,
       r.available_at, r.started_at, r.finished_at, r.owner, r.fence, r.data, r.failures
FROM causes c JOIN runs r ON r.id = c.upstream_id JOIN tasks t ON t.id = r.task_id
WHERE c.run_id = ?;

-- name: of_run
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome, c.reason, e.source, e.event_type, u.name
FROM causes c JOIN tasks t ON t.id = c.task_id
LEFT JOIN webhook_events e ON e.id = c.event_id
LEFT JOIN runs r ON r.id = c.upstream_id LEFT JOIN tasks u ON u.id = r.task_id
WHERE c.run_id = ? ORDER BY c.event_id;

-- name: of_event
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome, c.reason, e.source, e.event_type, NULL
FROM causes c JOIN tasks t ON t.id = c.task_id JOIN webhook_events e ON e.id = c.event_id
WHERE c.event_id = ? ORDER BY t.name;

-- name: of_upstream
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome, c.reason, NULL, NULL, u.name
FROM causes c JOIN tasks t ON t.id = c.task_id
JOIN runs r ON r.id = c.upstream_id JOIN tasks u ON u.id = r.task_id
WHERE c.upstream_id = ? ORDER BY t.name;

-- name: newest_event_of
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome, c.reason, e.source, e.event_type, NULL
FROM causes c JOIN tasks t ON t.id = c.task_id JOIN webhook_events e ON e.id = c.event_id
WHERE c.task_id = ? AND c.event_id IS NOT NULL ORDER BY c.event_id DESC LIMIT 1;

-- name: newest_end_of
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome, c.reason, NULL, NULL, u.name
FROM causes c JOIN tasks t ON t.id = c.task_id
JOIN runs r ON r.id = c.upstream_id JOIN tasks u ON u.id = r.task_id
WHERE c.task_id = ? AND c.upstream_id IS NOT NULL ORDER BY c.upstream_id DESC LIMIT 1;
