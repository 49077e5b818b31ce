-- name: put
INSERT INTO facts (category, key, value, source, updated_at) VALUES (:category, :key, :value, :source, :now)
ON CONFLICT (category, key) DO UPDATE
SET value = excluded.value, source = excluded.source, updated_at = excluded.updated_at
RETURNING category, key, value, source, updated_at;

-- name: get
SELECT category, key, value, source, updated_at FROM facts WHERE category = ? AND key = ?;

-- name: delete
DELETE FROM facts WHERE category = ? AND key = ?;

-- name: list
SELECT category, key, value, source, updated_at FROM facts
WHERE :category IS NULL OR category = :category
ORDER BY category, key;
