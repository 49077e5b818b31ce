-- name: known
SELECT value FROM meta WHERE key = ?;

-- name: remember
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING;

-- name: last_told
UPDATE alert_rules SET last_triggered_at = :at WHERE name = :name;

-- name: event_status
UPDATE webhook_events SET status = :status WHERE digest = :digest;
