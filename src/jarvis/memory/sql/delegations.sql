-- name: insert
INSERT INTO delegations (task, delegated_to, due_date, priority, notes, created_at, updated_at)
VALUES (:task, :delegated_to, :due_date, :priority, :notes, :now, :now)
RETURNING id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at;

-- name: get
SELECT id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at
FROM delegations WHERE id = ?;

-- name: set_status
UPDATE delegations SET status = :status, updated_at = :now WHERE id = :id AND status <> :status;

-- name: list
SELECT id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at
FROM delegations
WHERE :status IS NULL OR status = :status
ORDER BY due_date IS NULL, due_date, id;
