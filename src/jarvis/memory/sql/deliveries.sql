-- name: insert
INSERT INTO deliveries (key, run_id, task_id, channel, kind, subject, body, state, created_at, available_at, expires_at,
                        urgent, low, same, mark)
VALUES (:key, :run_id, :task_id, :channel, :kind, :subject, :body, 'pending', :now, :now, :expires_at,
        :urgent, :low, :same, :mark)
ON CONFLICT (key) DO NOTHING;

-- name: any_pending
SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending') OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'held');

-- name: channels_waiting
SELECT DISTINCT channel FROM deliveries WHERE state = 'pending' AND available_at <= ?;

-- name: next_of
SELECT id, kind, task_id, urgent, low, same, mark, created_at FROM deliveries
WHERE state = 'pending' AND channel = :channel AND available_at <= :now
ORDER BY available_at, id
LIMIT 1;

-- name: claim
UPDATE deliveries SET state = 'sending', owner = :owner, fence = fence + 1, attempt = attempt + 1, started_at = :now,
       begun = :begun
WHERE id = :id AND state = 'pending';

-- name: release
UPDATE deliveries SET state = 'pending', owner = NULL, started_at = NULL, attempt = attempt - 1
WHERE state = 'sending' AND owner = :owner AND channel NOT IN (SELECT value FROM json_each(:engaged));

-- name: settle
UPDATE deliveries SET state = :state, reason = :reason, finished_at = :finished_at, failures = failures + :failed,
       available_at = COALESCE(:available_at, available_at)
WHERE id = :id AND state = 'sending' AND owner = :owner AND fence = :fence;

-- name: expire
UPDATE deliveries SET state = 'expired', finished_at = :now,
       reason = :why || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END
WHERE state = 'pending' AND expires_at <= :now AND channel = :channel
RETURNING id;

-- name: channels_expiring
SELECT DISTINCT channel FROM deliveries WHERE state = 'pending' AND expires_at <= ?;

-- name: begin
UPDATE deliveries SET begun = 1 WHERE id = :id AND state = 'sending' AND owner = :owner AND fence = :fence;

-- name: put_back
UPDATE deliveries SET state = 'pending', owner = NULL, started_at = NULL, reason = :reason
WHERE state = 'sending' AND owner = :owner AND begun = 0;

-- name: lose
UPDATE deliveries SET state = 'unknown', reason = :reason, finished_at = :now
WHERE state = 'sending' AND owner = :owner
RETURNING id, channel;

-- name: cancel_of
UPDATE deliveries SET state = 'cancelled', reason = :reason, finished_at = :now
WHERE task_id = :task_id AND state IN ('pending', 'held');

-- name: again
UPDATE deliveries SET state = 'pending', reason = :reason, failures = 0, available_at = :now, expires_at = :expires_at,
       owner = NULL, finished_at = NULL, urgent = 1
WHERE id = :id AND state IN ('failed', 'expired', 'unknown');

-- name: next_available_at
SELECT MIN(available_at) FROM (
    SELECT MIN(available_at) AS available_at FROM deliveries
    WHERE state = 'pending' AND channel NOT IN (SELECT value FROM json_each(?))
    UNION ALL
    SELECT MIN(available_at) FROM deliveries WHERE state = 'held'
);

-- name: get
SELECT d.id, d.key, d.run_id, d.task_id, COALESCE(t.name, ''), d.channel, d.kind, d.subject, d.body, d.state,
       d.reason, d.attempt, d.failures, d.created_at, d.available_at, d.expires_at, d.started_at,
       d.finished_at, d.owner, d.fence, r.state, r.due_at,
       d.fallback_of, (SELECT MAX(f.id) FROM deliveries f WHERE f.fallback_of = d.id), d.urgent, d.digest_id, g.state
FROM deliveries d LEFT JOIN runs r ON r.id = d.run_id LEFT JOIN tasks t ON t.id = d.task_id
     LEFT JOIN deliveries g ON g.id = d.digest_id
WHERE d.id = ?;

-- name: of_run
SELECT d.id, d.key, d.run_id, d.task_id, COALESCE(t.name, ''), d.channel, d.kind, d.subject, d.body, d.state,
       d.reason, d.attempt, d.failures, d.created_at, d.available_at, d.expires_at, d.started_at,
       d.finished_at, d.owner, d.fence, r.state, r.due_at,
       d.fallback_of, (SELECT MAX(f.id) FROM deliveries f WHERE f.fallback_of = d.id), d.urgent, d.digest_id, g.state
FROM deliveries d LEFT JOIN runs r ON r.id = d.run_id LEFT JOIN tasks t ON t.id = d.task_id
     LEFT JOIN deliveries g ON g.id = d.digest_id
WHERE d.run_id = ?
ORDER BY d.id;

-- name: of_news
SELECT d.id, d.key, d.run_id, d.task_id, COALESCE(t.name, ''), d.channel, d.kind, d.subject, d.body, d.state,
       d.reason, d.attempt, d.failures, d.created_at, d.available_at, d.expires_at, d.started_at,
       d.finished_at, d.owner, d.fence, r.state, r.due_at,
       d.fallback_of, (SELECT MAX(f.id) FROM deliveries f WHERE f.fallback_of = d.id), d.urgent, d.digest_id, g.state
FROM deliveries d LEFT JOIN runs r ON r.id = d.run_id LEFT JOIN tasks t ON t.id = d.task_id
     LEFT JOIN deliveries g ON g.id = d.digest_id
WHERE d.key >= :first AND d.key < :end
ORDER BY d.id;

-- name: newest
SELECT d.id, d.key, d.run_id, d.task_id, COALESCE(t.name, ''), d.channel, d.kind, d.subject, d.body, d.state,
       d.reason, d.attempt, d.failures, d.created_at, d.available_at, d.expires_at, d.started_at,
       d.finished_at, d.owner, d.fence, r.state, r.due_at,
       d.fallback_of, (SELECT MAX(f.id) FROM deliveries f WHERE f.fallback_of = d.id), d.urgent, d.digest_id, g.state
FROM deliveries d LEFT JOIN runs r ON r.id = d.run_id LEFT JOIN tasks t ON t.id = d.task_id
     LEFT JOIN deliveries g ON g.id = d.digest_id
WHERE (:state IS NULL OR d.state = :state) AND (:channel IS NULL OR d.channel = :channel)
  AND (:task IS NULL OR t.name = :task)
ORDER BY d.id DESC
LIMIT :limit;

-- name: members
SELECT d.id, d.key, d.run_id, d.task_id, COALESCE(t.name, ''), d.channel, d.kind, d.subject, d.body, d.state,
       d.reason, d.attempt, d.failures, d.created_at, d.available_at, d.expires_at, d.started_at,
       d.finished_at, d.owner, d.fence, r.state, r.due_at,
       d.fallback_of, (SELECT MAX(f.id) FROM deliveries f WHERE f.fallback_of = d.id), d.urgent, d.digest_id, g.state
FROM deliveries d LEFT JOIN runs r ON r.id = d.run_id LEFT JOIN tasks t ON t.id = d.task_id
     LEFT JOIN deliveries g ON g.id = d.digest_id
WHERE d.digest_id = ? AND d.state = 'digested'
ORDER BY d.id;
