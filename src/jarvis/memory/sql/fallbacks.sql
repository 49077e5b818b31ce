-- name: insert
-- It has its turn in the order in which the runs ended: from when the first was made.
INSERT INTO deliveries (key, run_id, task_id, channel, kind, subject, body, state, created_at, available_at, expires_at,
                        fallback_of, urgent, mark)
SELECT :key, run_id, task_id, :channel, kind, subject, body || :note, 'pending', :now, created_at, :expires_at, id,
       urgent, mark
FROM deliveries WHERE id = :id
ON CONFLICT (key) DO NOTHING;

-- name: copy_form
INSERT INTO delivery_forms (delivery_id, template, facts)
SELECT :new_id, template, facts FROM delivery_forms WHERE delivery_id = :id;

-- name: say
UPDATE deliveries SET reason = reason || :said WHERE id = :id;

-- name: first
SELECT key, channel, reason FROM deliveries WHERE id = ?;

-- name: of_key
SELECT id FROM deliveries WHERE key = ?;
