-- name: keep
INSERT INTO outputs (run_id, attempt, body, total, cut_off) VALUES (:run_id, :attempt, :body, :total, :cut_off)
ON CONFLICT (run_id, attempt) DO UPDATE SET body = excluded.body, total = excluded.total, cut_off = excluded.cut_off;

-- name: drop_older
DELETE FROM outputs WHERE run_id = :run_id AND attempt <= :attempt;

-- name: of
SELECT attempt, body, total, cut_off FROM outputs WHERE run_id = ? ORDER BY attempt;

-- name: running
SELECT id, fence FROM runs WHERE state = 'running';
