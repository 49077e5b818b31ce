-- name: insert
INSERT INTO alert_rules (name, alert_type, condition, created_at) VALUES (:name, :alert_type, :condition, :now)
RETURNING id, name, alert_type, condition, enabled, created_at, last_triggered_at;

-- name: get
SELECT id, name, alert_type, condition, enabled, created_at, last_triggered_at FROM alert_rules WHERE name = ?;

-- name: list
SELECT id, name, alert_type, condition, enabled, created_at, last_triggered_at FROM alert_rules ORDER BY name;

-- name: switch
UPDATE alert_rules SET enabled = :enabled WHERE id = :id AND enabled <> :enabled;

-- name: delete
DELETE FROM alert_rules WHERE name = ?;

-- name: mark_reported
UPDATE alert_rules SET last_triggered_at = :now, last_occurrence = :occurrence
WHERE id = :id AND enabled = 1
  AND (last_triggered_at IS NULL OR last_triggered_at <= :not_since OR last_triggered_at >= :not_before
       OR (last_occurrence = :occurrence AND :occurrence <> ''));
