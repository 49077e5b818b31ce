-- name: insert
INSERT INTO webhook_events (source, event_type, payload, file_name, file_mtime, digest, received_at)
VALUES (:source, :event_type, :payload, :file_name, :file_mtime, :digest, :now)
ON CONFLICT (file_name, file_mtime, digest) DO NOTHING;

-- name: newest
SELECT id, source, event_type, payload, file_name, file_mtime, digest, status, received_at
FROM webhook_events ORDER BY id DESC LIMIT ?;

-- name: any_pending
SELECT EXISTS (SELECT 1 FROM webhook_events WHERE status = 'pending');

-- name: pending
SELECT id, source, event_type, received_at FROM webhook_events WHERE status = 'pending' ORDER BY id LIMIT ?;

-- name: payload
SELECT payload FROM webhook_events WHERE id = ?;
