-- name: tasks
SELECT t.name, t.enabled, t.pause_reason, t.created_at, t.failures, t.next_run_at, r.state, r.started_at, r.reason,
       s.finished_at
FROM tasks t
LEFT JOIN runs r ON r.id = (
    SELECT id FROM runs WHERE task_id = t.id AND started_at IS NOT NULL ORDER BY due_at DESC LIMIT 1
)
LEFT JOIN runs s ON s.id = (
    SELECT id FROM runs WHERE task_id = t.id AND state = 'succeeded' ORDER BY due_at DESC LIMIT 1
)
WHERE t.removed_at IS NULL AND (:name IS NULL OR t.name = :name) AND t.failures >= :failures
ORDER BY t.name
LIMIT :limit;

-- name: unsent
-- The index is of what is in none of the first states. What was held (for quiet hours) is as old as the end of that.
SELECT channel, state, COUNT(*), MIN(MAX(created_at, COALESCE(held_at, 0))) FROM deliveries
WHERE state <> 'sent' AND state <> 'cancelled' AND state <> 'digested' AND state <> 'grouped' AND state <> 'silenced'
  AND state IN ('pending', 'sending', 'failed', 'expired', 'unknown')
  AND created_at >= :since AND MAX(created_at, COALESCE(held_at, 0)) <= :until AND (:channel IS NULL OR channel = :channel)
GROUP BY channel, state
ORDER BY channel, state;

-- name: facts
SELECT category, key, CASE WHEN json_valid(value) THEN value ELSE 'null' END, updated_at FROM facts
ORDER BY category, key;

-- name: events
SELECT id, source, event_type, status, received_at,
       CASE WHEN length(payload) <= :largest AND json_valid(payload) THEN payload ELSE 'null' END
FROM webhook_events ORDER BY id DESC LIMIT :limit;
