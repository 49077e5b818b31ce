-- name: insert
INSERT INTO delivery_forms (delivery_id, template, facts) VALUES (:delivery_id, :template, :facts);

-- name: of
SELECT template, facts FROM delivery_forms WHERE delivery_id = ?;

-- name: previous
SELECT id, state, reason, due_at FROM runs
WHERE task_id = :task_id AND due_at < :due_at AND state IN ('succeeded', 'failed', 'timed_out', 'unknown', 'cancelled')
ORDER BY due_at DESC
LIMIT 1;
