-- name: insert
INSERT INTO webhook_events (source, event_type, payload, event_id, file_name, file_mtime, digest, received_at)
VALUES (:source, :event_type, :payload, :event_id, :file_name, :file_mtime, :digest, :now)
ON CONFLICT DO NOTHING;

-- name: newest
SELECT id, source, event_type, payload, event_id, file_name, file_mtime, digest, status, received_at
FROM webhook_events
WHERE (:source IS NULL OR source = :source)
ORDER BY id DESC LIMIT :limit;

-- name: one
SELECT id, source, event_type, payload, event_id, file_name, file_mtime, digest, status, received_at
FROM webhook_events WHERE id = ?;

-- name: twin
SELECT id, source, event_type, 'null', event_id, file_name, file_mtime, digest, status, received_at
FROM webhook_events WHERE digest = :digest OR (source = :source AND event_id = :event_id)
ORDER BY digest = :digest DESC, id LIMIT 1;

-- name: any_pending
SELECT EXISTS (SELECT 1 FROM webhook_events WHERE status = 'pending');

-- name: pending
SELECT id, source, event_type, received_at FROM webhook_events WHERE status = 'pending' ORDER BY id LIMIT ?;

-- name: payload
SELECT payload FROM webhook_events WHERE id = ?;
