-- What keeps deliveries back: holding one, looking at it again, digests, and what one is compared with.

-- name: anything
SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'held' AND (:anew OR available_at <= :now));

-- name: hold
UPDATE deliveries SET state = 'held', reason = :reason, hold = :hold, held_at = :now, available_at = :until
WHERE id = :id AND state = 'pending';

-- name: pass_over
UPDATE deliveries SET state = :state, reason = :reason, finished_at = :now
WHERE id = :id AND state = 'pending';

-- name: lift
UPDATE deliveries SET state = 'pending', reason = '', available_at = MIN(available_at, :now),
       expires_at = expires_at + MIN(available_at, :now) - held_at, held_at = :now
WHERE state = 'held' AND (:anew OR (available_at <= :now AND hold = 'quiet'));

-- name: send_now
UPDATE deliveries SET state = 'pending', reason = :reason, urgent = 1, available_at = :now,
       expires_at = expires_at + :now - held_at, held_at = :now
WHERE id = :id AND state = 'held';

-- name: before
-- Where another channel was told in its place, what counts is how that went.
WITH RECURSIVE way (id, state) AS (
    SELECT id, state FROM (
        SELECT id, state FROM deliveries
        WHERE task_id = :task_id AND channel = :channel AND id < :id AND kind = 'result'
          AND state NOT IN ('grouped', 'silenced')
        ORDER BY id DESC
        LIMIT 1
    ) AS last
    UNION ALL
    SELECT f.id, f.state FROM way JOIN deliveries f ON f.fallback_of = way.id
)
SELECT id, run_id, (SELECT state FROM way ORDER BY id DESC LIMIT 1), mark, created_at FROM deliveries
WHERE id = (SELECT MIN(id) FROM way);

-- name: told_since
SELECT COUNT(*) FROM deliveries
WHERE channel = :channel AND started_at IS NOT NULL AND started_at >= :since
  AND state IN ('sending', 'sent', 'unknown') AND urgent = 0 AND kind <> 'digest';

-- name: digests_due
SELECT d.channel, COUNT(*), MIN(d.id), SUM(r.state IN ('failed', 'timed_out', 'unknown'))
FROM deliveries d JOIN runs r ON r.id = d.run_id
WHERE d.state = 'held' AND d.hold <> 'quiet' AND d.available_at <= :now
GROUP BY d.channel;

-- name: waiting_members
SELECT id, run_id, subject, body, hold, created_at FROM deliveries
WHERE state = 'held' AND hold <> 'quiet' AND channel = :channel AND available_at <= :now
ORDER BY id
LIMIT :limit;

-- name: untold
SELECT state, COUNT(*) FROM deliveries
WHERE channel = ? AND state IN ('grouped', 'silenced') AND digest_id IS NULL
GROUP BY state;

-- name: insert_digest
INSERT INTO deliveries (key, channel, kind, subject, body, state, created_at, available_at, expires_at)
VALUES (:key, :channel, 'digest', :subject, :body, 'pending', :now, :now, :expires_at);

-- name: join_digest
UPDATE deliveries SET state = 'digested', digest_id = :digest, finished_at = :now, reason = 'in digest delivery ' || :digest
WHERE state = 'held' AND hold <> 'quiet' AND channel = :channel AND available_at <= :now;

-- name: count_in_digest
UPDATE deliveries SET digest_id = :digest
WHERE channel = :channel AND state IN ('grouped', 'silenced') AND digest_id IS NULL;

-- name: counts
SELECT hold, COUNT(*) FROM deliveries WHERE state = 'held' AND channel = ? GROUP BY hold;
