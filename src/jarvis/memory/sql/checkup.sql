-- name: newest
-- After the clock was set back the last rows are not the newest: the last thousand are looked at.
SELECT MAX(at) FROM (
    SELECT MAX(recorded_at) AS at FROM (SELECT recorded_at FROM runs ORDER BY id DESC LIMIT 1000)
    UNION ALL SELECT MAX(heartbeat_at) FROM instances
);

-- name: oldest
SELECT MIN(at) FROM (SELECT MIN(created_at) AS at FROM tasks UNION ALL SELECT MIN(started_at) FROM instances);

-- name: overdue
SELECT name, next_run_at FROM tasks
WHERE enabled = 1 AND removed_at IS NULL AND next_run_at < ?
ORDER BY next_run_at;

-- name: unreadable
SELECT name FROM tasks
WHERE removed_at IS NULL
  AND NOT (json_valid(schedule) AND json_valid(params) AND json_valid(policy) AND json_valid(deliver))
ORDER BY name;

-- name: addressed
-- Every channel that a task delivers to, and which does.
SELECT json_extract(addressee.value, '$.channel'), t.name
FROM tasks t, json_each(CASE WHEN json_valid(t.deliver) THEN t.deliver ELSE '[]' END) AS addressee
WHERE t.removed_at IS NULL AND t.deliver <> '[]'
ORDER BY t.name;

-- name: incidents
SELECT rule, state FROM incidents WHERE state <> 'resolved' ORDER BY rule;

-- name: fact
SELECT value FROM facts WHERE category = ? AND key = ?;
