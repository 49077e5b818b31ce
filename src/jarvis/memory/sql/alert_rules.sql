-- name: insert
INSERT INTO alert_rules (name, alert_type, condition, deliver, cool_down, created_at)
VALUES (:name, :alert_type, :condition, :deliver, :cool_down, :now)
RETURNING id, name, alert_type, condition, enabled, created_at, last_triggered_at, deliver, cool_down;

-- name: edit
UPDATE alert_rules SET alert_type = :alert_type, condition = :condition, deliver = :deliver, cool_down = :cool_down
WHERE id = :id;

-- name: task_names
SELECT name FROM tasks WHERE removed_at IS NULL;

-- name: get
SELECT id, name, alert_type, condition, enabled, created_at, last_triggered_at, deliver, cool_down
FROM alert_rules WHERE name = ?;

-- name: list
SELECT id, name, alert_type, condition, enabled, created_at, last_triggered_at, deliver, cool_down
FROM alert_rules ORDER BY name;

-- name: switch
UPDATE alert_rules SET enabled = :enabled WHERE id = :id AND enabled <> :enabled;

-- name: delete
DELETE FROM alert_rules WHERE name = ?;
