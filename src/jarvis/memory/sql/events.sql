-- name: insert
INSERT INTO webhook_events (source, event_type, payload, file_name, file_mtime, digest, received_at)
VALUES (:source, :event_type, :payload, :file_name, :file_mtime, :digest, :now)
ON CONFLICT (file_name, file_mtime, digest) DO NOTHING;

-- name: newest
SELECT id, source, event_type, payload, file_name, file_mtime, digest, status, received_at
FROM webhook_events ORDER BY id DESC LIMIT ?;
