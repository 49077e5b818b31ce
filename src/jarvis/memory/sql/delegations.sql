-- name: insert
INSERT INTO delegations (task, delegated_to, due_date, priority, notes, created_at, updated_at)
VALUES (:task, :delegated_to, :due_date, :priority, :notes, :now, :now)
RETURNING id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at;

-- name: get
SELECT id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at
FROM delegations WHERE id = ?;

-- name: edit
UPDATE delegations
SET task = :task, delegated_to = :delegated_to, due_date = :due_date, priority = :priority, status = :status,
    notes = :notes, updated_at = :now
WHERE id = :id AND (task, delegated_to, due_date, priority, status, notes)
                   IS NOT (:task, :delegated_to, :due_date, :priority, :status, :notes);

-- name: delete
DELETE FROM delegations WHERE id = ?;

-- name: list
SELECT id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at
FROM delegations
WHERE :status IS NULL OR status = :status
ORDER BY due_date IS NULL, due_date, id;
