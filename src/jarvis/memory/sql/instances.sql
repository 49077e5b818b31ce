-- name: insert
INSERT INTO instances (host, pid, process_started_at, token, version, started_at, heartbeat_at,
                       lease_until)
VALUES (:host, :pid, :process_started_at, :token, :version, :now, :now, :lease_until);

-- name: get
SELECT id, host, pid, process_started_at, token, version, started_at, heartbeat_at, lease_until, stopped_at
FROM instances WHERE id = ?;

-- name: heartbeat
UPDATE instances SET heartbeat_at = :now, lease_until = :lease_until
WHERE id = :id AND stopped_at IS NULL;

-- name: sign_off
UPDATE instances SET stopped_at = :now, heartbeat_at = :now WHERE id = :id AND stopped_at IS NULL;

-- name: buried
UPDATE instances SET stopped_at = heartbeat_at WHERE id = ? AND stopped_at IS NULL;

-- name: open
SELECT id, host, pid, process_started_at, token, version, started_at, heartbeat_at, lease_until, stopped_at
FROM instances WHERE stopped_at IS NULL ORDER BY id;

-- name: last_seen
SELECT MAX(heartbeat_at) FROM instances WHERE id <> ?;
