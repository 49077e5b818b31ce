-- name: first_recent
-- The first of the window that is not past its retention.
SELECT id FROM (SELECT id, recorded_at FROM runs WHERE id > :after ORDER BY id LIMIT :limit) AS seen
WHERE recorded_at >= :before
LIMIT 1;

-- name: last_of_window
SELECT MAX(id) FROM (SELECT id FROM runs WHERE id > :after ORDER BY id LIMIT :limit) AS seen;

-- name: runs
DELETE FROM runs
WHERE id > :after AND id <= :upto AND state NOT IN ('pending', 'running')
  AND EXISTS (SELECT 1 FROM runs AS newer WHERE newer.task_id = runs.task_id AND newer.due_at > runs.due_at);

-- name: absences
DELETE FROM absences WHERE until < :before;

-- name: digests
-- They are of no run, and so go with none.
DELETE FROM deliveries WHERE kind = 'digest' AND created_at < :before AND state NOT IN ('pending', 'held', 'sending');

-- name: incidents
DELETE FROM incidents WHERE state = 'resolved' AND resolved_at < :before;

-- name: events
-- Not those that started a run which is kept.
DELETE FROM webhook_events
WHERE id IN (SELECT id FROM webhook_events ORDER BY id LIMIT :limit) AND received_at < :before AND status <> 'pending'
  AND NOT EXISTS (SELECT 1 FROM causes WHERE causes.event_id = webhook_events.id AND causes.run_id IS NOT NULL);

-- name: changes
DELETE FROM changes WHERE id IN (SELECT id FROM changes ORDER BY id LIMIT :limit) AND changed_at < :before;
