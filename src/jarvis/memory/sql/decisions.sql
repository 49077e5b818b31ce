-- name: insert
INSERT INTO decisions (title, description, owner, follow_up_date, created_at, updated_at)
VALUES (:title, :description, :owner, :follow_up_date, :now, :now)
RETURNING id, title, description, owner, status, follow_up_date, created_at, updated_at;

-- name: get
SELECT id, title, description, owner, status, follow_up_date, created_at, updated_at
FROM decisions WHERE id = ?;

-- name: edit
UPDATE decisions
SET title = :title, description = :description, owner = :owner, status = :status, follow_up_date = :follow_up_date,
    updated_at = :now
WHERE id = :id AND (title, description, owner, status, follow_up_date)
                   IS NOT (:title, :description, :owner, :status, :follow_up_date);

-- name: delete
DELETE FROM decisions WHERE id = ?;

-- name: list
SELECT id, title, description, owner, status, follow_up_date, created_at, updated_at
FROM decisions
WHERE :status IS NULL OR status = :status
ORDER BY created_at, id;
