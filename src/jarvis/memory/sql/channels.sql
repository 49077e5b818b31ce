-- name: last_sent
SELECT finished_at FROM deliveries
WHERE channel = ? AND state = 'sent'
ORDER BY id DESC
LIMIT 1;

-- name: last_unsent
SELECT COALESCE(finished_at, created_at), id, state, reason FROM deliveries
WHERE channel = ? AND (state IN ('failed', 'expired', 'unknown') OR (state = 'pending' AND failures > 0))
ORDER BY COALESCE(finished_at, created_at) DESC, id DESC
LIMIT 1;

-- name: waiting
SELECT COUNT(*) FROM deliveries WHERE state = 'pending' AND channel = ?;
